//! Logs and traces of the process.
//!
//! A tracer is always there, so that trace context travels on through a service that exports nothing; spans leave the process
//! only when `OTEL_EXPORTER_OTLP_ENDPOINT` names a receiver.

use std::error::Error;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

use crate::args::{KitArgs, LogFormat};

/// What stands in the way of telemetry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("--log-level {0:?} is not a tracing filter (try `info` or `info,git_syncer=debug`)")]
    Filter(String, #[source] tracing_subscriber::filter::ParseError),
    /// The exporter cannot be built from the environment's OTEL_ variables.
    #[error("the OTLP exporter cannot be set up from OTEL_EXPORTER_OTLP_ENDPOINT")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// A subscriber is already there.
    #[error("telemetry is already set up in this process")]
    Twice(#[source] tracing::subscriber::SetGlobalDefaultError),
}

/// Holds the exporter; flush it before the process ends.
#[derive(Debug)]
pub(crate) struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// Sends what is waiting. Blocking.
    pub(crate) fn flush(&self) {
        // An unreachable receiver is not a reason to exit otherwise than with what the work says.
        let _ = self.provider.shutdown();
    }
}

/// Installs the subscriber. Must be called inside the runtime: the exporter's connection lives there.
pub(crate) fn install(service: &'static str, args: &KitArgs) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&args.log_level)
        .map_err(|error| TelemetryError::Filter(args.log_level.clone(), error))?;
    let mut provider =
        SdkTracerProvider::builder().with_resource(Resource::builder().with_service_name(service).build());
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some_and(|endpoint| !endpoint.is_empty()) {
        let exporter = SpanExporter::builder().with_tonic().build().map_err(TelemetryError::Exporter)?;
        provider = provider.with_batch_exporter(exporter);
    }
    let provider = provider.build();
    // Spans must exist whatever the log level is, or a quieter log would cut traces in two.
    let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(
        tracing_subscriber::filter::filter_fn(|metadata| {
            metadata.is_span() && *metadata.level() <= tracing::Level::INFO && is_ours(metadata.target())
        }),
    );
    let log = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    let log = match args.log_format {
        LogFormat::Text => log.with_filter(filter).boxed(),
        LogFormat::Json => log.json().with_filter(filter).boxed(),
    };
    tracing::subscriber::set_global_default(Registry::default().with(traces).with(log))
        .map_err(TelemetryError::Twice)?;
    Ok(Telemetry { provider })
}

/// The crates whose spans are ours; the spans of libraries (h2, hyper, kube) would drown them.
fn is_ours(target: &str) -> bool {
    const OURS: [&str; 6] =
        ["git_syncer", "image_scanner", "release_operator", "secrets_decryptor", "service_kit", "kube_apply"];
    OURS.iter()
        .any(|name| target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
}

/// An error with all its causes in one line: `cannot push: remote refused: hook declined`.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some libraries repeat their cause in their own text.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
