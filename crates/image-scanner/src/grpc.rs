//! The gRPC edge: requests are parsed once, answers leave by [`convert`].

mod convert;
mod error;
mod watch;

use api::image::v1 as wire;
use api::image::v1::image_service_server::ImageService;
use image_policy::ImageRef;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::store::Store;
use crate::wake::Wake;
use error::{invalid, unavailable};

/// The server of `windlass.image.v1.ImageService`.
#[derive(Debug)]
pub struct ImageServer {
    store: Store,
    wake: Wake,
    shutdown: CancellationToken,
}

impl ImageServer {
    pub(crate) fn new(store: Store, wake: Wake, shutdown: CancellationToken) -> Self {
        Self { store, wake, shutdown }
    }
}

#[tonic::async_trait]
impl ImageService for ImageServer {
    async fn declare(
        &self,
        request: Request<wire::DeclareRequest>,
    ) -> Result<Response<wire::DeclareResponse>, Status> {
        let declaration = convert::declaration(request.into_inner())?;
        let declared = self.store.declare(&declaration).await.map_err(error::declare)?;
        tracing::info!(
            owner = declaration.owner,
            version = declaration.version,
            items = declaration.items.len(),
            faults = declared.faults.len(),
            "declared"
        );
        Ok(Response::new(convert::declared(declared)))
    }

    async fn list_images(
        &self,
        request: Request<wire::ListImagesRequest>,
    ) -> Result<Response<wire::ListImagesResponse>, Status> {
        let workload = request.into_inner().workload;
        let workload = (!workload.is_empty()).then_some(workload);
        let items = self.store.list(workload.as_deref(), None).await.map_err(unavailable)?;
        let images = items.into_iter().map(convert::image_state).collect();
        Ok(Response::new(wire::ListImagesResponse { images }))
    }

    type WatchSelectionsStream = watch::SelectionStream;

    async fn watch_selections(
        &self,
        request: Request<wire::WatchSelectionsRequest>,
    ) -> Result<Response<Self::WatchSelectionsStream>, Status> {
        let wire::WatchSelectionsRequest { owner, resume_token } = request.into_inner();
        let owner = (!owner.is_empty()).then_some(owner);
        // A token that is none is one no longer known: it begins with a snapshot.
        let token = resume_token.parse().ok();
        let stream =
            watch::stream(self.store.clone(), self.wake.selections(), self.shutdown.clone(), owner, token);
        Ok(Response::new(stream))
    }

    async fn refresh(
        &self,
        request: Request<wire::RefreshRequest>,
    ) -> Result<Response<wire::RefreshResponse>, Status> {
        let image = request.into_inner().image;
        let repository = match image.as_str() {
            "" => None,
            text => {
                let image: ImageRef = text.parse().map_err(|error| invalid("image", &error))?;
                Some(image.repository())
            }
        };
        let count = self.store.refresh(repository.as_ref()).await.map_err(unavailable)?;
        let repositories = u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Response::new(wire::RefreshResponse { repositories }))
    }

    async fn explain(
        &self,
        request: Request<wire::ExplainRequest>,
    ) -> Result<Response<wire::ExplainResponse>, Status> {
        let wire::ExplainRequest { workload, container } = request.into_inner();
        match self.store.explain(&workload, &container).await.map_err(unavailable)? {
            Some(explained) => Ok(Response::new(convert::explained(explained))),
            None => Err(error::no_item(&workload, &container)),
        }
    }
}
