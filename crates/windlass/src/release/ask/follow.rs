//! Following a stream that may break.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use api::release::v1::{WatchRequest, WatchResponse};
use tonic::{Code, Status};

use super::{Client, refused};
use crate::release::ReleaseError;

/// How often a stream that broke is begun anew, in a row.
const TRIES: u32 = 10;
/// Before the first of them; each further one waits so much longer.
const PAUSE: Duration = Duration::from_millis(500);

/// Gives each message to `show`, over as many streams as it takes. It ends by an error only.
pub(super) async fn follow(
    client: &mut Client,
    namespace: &str,
    show: &mut dyn FnMut(&WatchResponse) -> io::Result<()>,
) -> Result<(), ReleaseError> {
    let (mut resume_token, mut failures) = (String::new(), 0);
    loop {
        let request = WatchRequest { namespace: namespace.to_owned(), resume_token: resume_token.clone() };
        let status = match client.watch(request).await {
            Err(status) => status,
            Ok(stream) => {
                let mut stream = stream.into_inner();
                loop {
                    match stream.message().await {
                        Ok(Some(message)) => {
                            show(&message)?;
                            failures = 0;
                            resume_token = message.resume_token;
                        }
                        Ok(None) => break Status::unavailable("release-operator has ended the stream"),
                        Err(status) => break status,
                    }
                }
            }
        };
        // What has a cause never came from release-operator: the connection broke.
        let broke = status.code() == Code::Unavailable || status.source().is_some();
        if !broke || failures == TRIES {
            return Err(refused(&status).into());
        }
        failures += 1;
        tokio::time::sleep(PAUSE * failures).await;
    }
}
