//! The arguments that every service has.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line of text, with `key="value"` pairs.
    Text,
    /// One JSON object.
    Json,
}

/// Arguments common to all services; flatten them into a service's own.
#[derive(Debug, Clone, clap::Args)]
pub struct KitArgs {
    /// Address that gRPC is served on.
    #[arg(long, env = "WINDLASS_LISTEN", default_value = "0.0.0.0:9090")]
    pub listen: SocketAddr,

    /// Address that /metrics, /livez and /readyz are served on.
    #[arg(long, env = "WINDLASS_HTTP_LISTEN", default_value = "0.0.0.0:8081")]
    pub http_listen: SocketAddr,

    /// Kubeconfig file. Without it the service uses the ServiceAccount of its pod; the variable KUBECONFIG is not read.
    #[arg(long, env = "WINDLASS_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,

    /// Folder with tls.crt, tls.key and ca.crt. With it gRPC is served and called by mutual TLS only; the files are read
    /// again when they change.
    #[arg(long, env = "WINDLASS_TLS_DIR")]
    pub tls_dir: Option<PathBuf>,

    /// What to log, as a tracing filter: `info`, `debug`, `info,git_syncer=trace`.
    #[arg(long, env = "WINDLASS_LOG_LEVEL", default_value = "info")]
    pub log_level: String,

    /// Form of a log line.
    #[arg(long, env = "WINDLASS_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// Seconds that work in flight has to end after SIGTERM.
    #[arg(long, env = "WINDLASS_GRACE_PERIOD", default_value = "25", value_parser = seconds)]
    pub grace_period: Duration,

    /// Check the arguments, say what is wrong with them, and exit.
    #[arg(long)]
    pub check_config: bool,
}

/// Parses a number of seconds, or a number with `ms`, `s`, `m` or `h` behind it (as the flags of Flux take them: `30s`, `5m`).
///
/// # Errors
/// A sentence for the person who wrote the flag.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 =
        digits.parse().map_err(|_| format!("{text:?} is not a duration; write 30s, 5m or 250ms"))?;
    let factor = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("{unit:?} is not a unit of time; use ms, s, m or h")),
    };
    Duration::try_from_secs_f64(number * factor)
        .map_err(|_| format!("{text:?} is out of range for a duration"))
}

#[cfg(test)]
mod tests {
    use super::seconds;
    use std::time::Duration;

    #[test]
    fn durations() {
        let check = |text: &str, millis: Option<u64>| {
            assert_eq!(seconds(text).ok(), millis.map(Duration::from_millis), "{text}");
        };
        check("25", Some(25_000));
        check("30s", Some(30_000));
        check("5m", Some(300_000));
        check("250ms", Some(250));
        check("1.5h", Some(5_400_000));
        check("-1s", None);
        check("soon", None);
        check("3 days", None);
        check("3d", None);
    }
}
