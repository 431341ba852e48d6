//! Arguments, and how they wire the service.

use std::path::PathBuf;
use std::time::Duration;

use api::image::v1::image_service_server::ImageServiceServer;
use service_kit::args::seconds;
use service_kit::client::MESSAGE_MAX;
use service_kit::{Access, BoxError, Kit, KitArgs, Service, Services, chain};
use tokio_util::sync::CancellationToken;

use crate::grpc::ImageServer;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::registry::mirrors::Mirrors;
use crate::scan::Scanner;
use crate::store::Store;
use crate::wake::Wake;

/// How long to wait before trying the database again at the start.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

/// Connections beside one for each worker's claim: gRPC calls, reads while scanning, the listener.
const SPARE_CONNECTIONS: u32 = 8;

/// Keeps the tags of declared images current, and selects which one a policy wants.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "image-scanner", version)]
pub struct Args {
    #[command(flatten)]
    kit: KitArgs,

    /// File that holds the URL of the PostgreSQL database: postgres://user:password@host/database.
    #[arg(long, env = "WINDLASS_DATABASE_URL_FILE")]
    database_url_file: PathBuf,

    /// Address that stands for a registry: docker.io=http://127.0.0.1:5000. May be repeated; the variable takes several with
    /// commas between them.
    #[arg(long, env = "WINDLASS_REGISTRY_MIRROR", value_delimiter = ',')]
    registry_mirror: Vec<String>,

    /// Refuse every registry that has no mirror.
    #[arg(long, env = "WINDLASS_REGISTRY_REQUIRE_MIRROR")]
    registry_require_mirror: bool,

    /// Time between two scans of an image repository.
    #[arg(long, env = "WINDLASS_SCAN_INTERVAL", default_value = "60s", value_parser = seconds)]
    scan_interval: Duration,

    /// How many image repositories are scanned at a time.
    #[arg(long, env = "WINDLASS_SCAN_WORKERS", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=64))]
    scan_workers: u32,
}

impl Args {
    fn mirrors(&self) -> Result<Mirrors, Vec<String>> {
        // An empty variable says that there is none.
        let values: Vec<String> =
            self.registry_mirror.iter().filter(|value| !value.is_empty()).cloned().collect();
        Mirrors::parse(&values, self.registry_require_mirror)
            .map_err(|faults| faults.iter().map(|fault| chain(fault)).collect())
    }
}

impl Service for Args {
    const NAME: &'static str = "image-scanner";

    fn kit(&self) -> &KitArgs {
        &self.kit
    }

    fn check(&self) -> Vec<String> {
        let mut faults = self.mirrors().err().unwrap_or_default();
        if self.scan_interval.is_zero() {
            faults.push("--scan-interval has to be longer than nothing".to_owned());
        }
        faults
    }

    async fn run(self, kit: Kit) -> Result<(), BoxError> {
        let mirrors = self.mirrors().map_err(|faults| faults.join("; "))?;
        let registry = Registry::new(mirrors)?;
        let metrics = Metrics::register(&kit.metrics)?;
        let store = Store::open(&self.database_url_file, self.scan_workers + SPARE_CONNECTIONS).await?;
        let wake = Wake::new();

        kit.readiness.waiting("database", "no connection has been made yet");
        let server = ImageServer::new(store.clone(), wake.clone(), kit.shutdown.clone());
        let access = Access::closed()
            .allow("/windlass.image.v1.ImageService/", &["git-syncer", "console", "windlass"]);
        let starting = kit.clone();
        kit.spawn("scan", async move {
            if !migrated(&store, &starting).await {
                return Ok(());
            }
            let listener =
                wake.clone().listen(store.clone(), starting.readiness.clone(), starting.shutdown.clone());
            starting.spawn("listen", async move {
                listener.await;
                Ok(())
            });
            let scanner = Scanner { store, registry, metrics, interval: self.scan_interval };
            let workers =
                (0..self.scan_workers).map(|_| scanner.clone().work(wake.clone(), starting.shutdown.clone()));
            futures::future::join_all(workers).await;
            Ok(())
        });
        let server = ImageServiceServer::new(server).max_decoding_message_size(MESSAGE_MAX);
        kit.serve(access, Services::new().with(server)).await?;
        Ok(())
    }
}

/// Brings the schema up to date, waiting for the database as long as it takes. False when the process shall stop instead.
async fn migrated(store: &Store, kit: &Kit) -> bool {
    loop {
        match stoppable(&kit.shutdown, store.migrate()).await {
            None => return false,
            Some(Ok(())) => return true,
            Some(Err(error)) => {
                let text = chain(&error);
                tracing::warn!("{text}");
                kit.readiness.waiting("database", text);
            }
        }
        if stoppable(&kit.shutdown, tokio::time::sleep(DATABASE_PAUSE)).await.is_none() {
            return false;
        }
    }
}

/// The answer, unless the process shall stop before it is there.
async fn stoppable<T>(shutdown: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        () = shutdown.cancelled() => None,
        answer = work => Some(answer),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn every_fault_of_the_arguments_is_told() {
        let args = Args::try_parse_from([
            "image-scanner",
            "--database-url-file=/nowhere",
            "--registry-mirror=",
            "--registry-mirror=docker.io",
            "--registry-mirror=quay.io=ftp://x",
            "--scan-interval=0",
        ]);
        assert_eq!(args.unwrap().check().len(), 3);
        assert!(Args::try_parse_from(["image-scanner"]).is_err(), "the database is required");
    }
}
