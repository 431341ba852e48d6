//! `windlass.sealing.v1.SealingService`.

mod convert;

use std::sync::Arc;

use api::sealing::v1::sealing_service_server::SealingService;
use api::sealing::v1::{
    GetCertificateRequest, GetCertificateResponse, ListKeysRequest, ListKeysResponse, Verdict, VerifyRequest,
    VerifyResponse,
};
use service_kit::chain;
use tonic::{Request, Response, Status};

use crate::keys::{KeySet, Keys};
use crate::verify;

/// How many objects one call may verify.
const VERIFY_MAX: usize = 256;

/// The service over the keys as they are at each call.
pub(crate) struct Sealing {
    keys: Keys,
}

impl Sealing {
    pub(crate) fn new(keys: Keys) -> Self {
        Self { keys }
    }

    fn keys(&self) -> Result<Arc<KeySet>, Status> {
        self.keys
            .borrow()
            .clone()
            .ok_or_else(|| Status::unavailable("the sealing keys have not been loaded yet"))
    }
}

#[tonic::async_trait]
impl SealingService for Sealing {
    async fn get_certificate(
        &self,
        _: Request<GetCertificateRequest>,
    ) -> Result<Response<GetCertificateResponse>, Status> {
        let keys = self.keys.borrow().clone().unwrap_or_default();
        let current = keys.keyring.current().ok_or_else(|| {
            Status::failed_precondition("there is no sealing key yet; see this service's /readyz")
        })?;
        Ok(Response::new(convert::to_certificate(current)))
    }

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<VerifyResponse>, Status> {
        let VerifyRequest { sealed_secrets } = request.into_inner();
        if sealed_secrets.len() > VERIFY_MAX {
            return Err(Status::invalid_argument(format!(
                "sealed_secrets has {} objects; send {VERIFY_MAX} at the most",
                sealed_secrets.len()
            )));
        }
        let keys = self.keys()?;
        let mut verdicts = Vec::with_capacity(sealed_secrets.len());
        // One after the other: RSA is the cost, and one caller gets no more than one core of it.
        for bytes in &sealed_secrets {
            verdicts.push(verdict(&keys, bytes).await);
        }
        Ok(Response::new(VerifyResponse { verdicts }))
    }

    async fn list_keys(&self, _: Request<ListKeysRequest>) -> Result<Response<ListKeysResponse>, Status> {
        Ok(Response::new(convert::to_list(&self.keys()?.keyring)))
    }
}

async fn verdict(keys: &Arc<KeySet>, bytes: &[u8]) -> Verdict {
    let (metadata, answer) = match convert::sealed_secret(bytes) {
        Ok(object) => {
            let answer =
                verify::open(Arc::clone(keys), &object).await.map(drop).map_err(|error| chain(&error));
            (object.metadata, answer)
        }
        Err(fault) => (*fault.metadata, Err(fault.message)),
    };
    Verdict {
        namespace: metadata.namespace.unwrap_or_default(),
        name: metadata.name.unwrap_or_default(),
        can_open: answer.is_ok(),
        message: answer.err().unwrap_or_default(),
    }
}
