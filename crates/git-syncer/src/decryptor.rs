//! Asking secrets-decryptor whether SealedSecrets can be opened.

use std::time::Duration;

use api::sealing::v1::VerifyRequest;
use api::sealing::v1::sealing_service_client::SealingServiceClient;
use service_kit::client::{Connection, MESSAGE_MAX};

/// As many objects as the API takes in one request.
const BATCH: usize = 256;
/// Limit for one request; a sync does not wait longer for a neighbour.
const LIMIT: Duration = Duration::from_secs(10);

/// Why there is no answer. Never a reason to hold a sync up.
#[derive(Debug, thiserror::Error)]
#[error("secrets-decryptor did not verify the SealedSecrets")]
pub struct NoAnswer(#[source] pub Box<tonic::Status>);

/// The neighbour.
#[derive(Clone)]
pub struct Decryptor {
    client: SealingServiceClient<Connection>,
}

impl Decryptor {
    /// A decryptor behind a connection that need not be open yet.
    pub fn new(connection: Connection) -> Self {
        Decryptor { client: SealingServiceClient::new(connection).max_decoding_message_size(MESSAGE_MAX) }
    }

    /// For each SealedSecret (as JSON): `None` when it can be opened, else what is wrong and what to do.
    ///
    /// # Errors
    /// [`NoAnswer`] when it cannot be reached, refuses, or answers about another number of objects.
    pub async fn verify(&self, sealed_secrets: Vec<Vec<u8>>) -> Result<Vec<Option<String>>, NoAnswer> {
        let mut verdicts = Vec::with_capacity(sealed_secrets.len());
        for batch in sealed_secrets.chunks(BATCH) {
            let mut request = tonic::Request::new(VerifyRequest { sealed_secrets: batch.to_vec() });
            request.set_timeout(LIMIT);
            let answer =
                self.client.clone().verify(request).await.map_err(|status| NoAnswer(Box::new(status)))?;
            let answer = answer.into_inner().verdicts;
            if answer.len() != batch.len() {
                return Err(NoAnswer(Box::new(tonic::Status::internal(
                    "it answered about another number of objects",
                ))));
            }
            verdicts.extend(answer.into_iter().map(|verdict| (!verdict.can_open).then_some(verdict.message)));
        }
        Ok(verdicts)
    }
}
