//! The one place where errors become gRPC statuses.

use std::collections::HashMap;
use std::error::Error;

use service_kit::chain;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::store::{DeclareError, StoreError};

/// The domain of `google.rpc.ErrorInfo`.
const DOMAIN: &str = "windlass.dev/image-scanner";

fn status(code: Code, reason: &str, message: impl Into<String>, metadata: HashMap<String, String>) -> Status {
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, metadata))
}

/// A field that cannot be read.
pub(super) fn invalid(field: &str, error: &(dyn Error + 'static)) -> Status {
    invalid_text(field, &chain(error))
}

/// A field that cannot be used, in words.
pub(super) fn invalid_text(field: &str, what: &str) -> Status {
    let metadata = HashMap::from([("field".to_owned(), field.to_owned())]);
    status(Code::InvalidArgument, "INVALID_FIELD", format!("{field}: {what}"), metadata)
}

/// Nobody declares the item.
pub(super) fn no_item(workload: &str, container: &str) -> Status {
    let text = format!(
        "no declaration has an item {workload:?} container {container:?}; ListImages shows those there are"
    );
    status(Code::NotFound, "NO_ITEM", text, HashMap::new())
}

/// The database is away. Its own words go to the log: they are of no use to the caller.
pub(super) fn unavailable(error: StoreError) -> Status {
    tracing::warn!("a call failed: {}", chain(&error));
    status(
        Code::Unavailable,
        "DATABASE",
        "the scanner's database does not answer; try again later",
        HashMap::new(),
    )
}

/// Why a declaration was not taken in.
pub(super) fn declare(error: DeclareError) -> Status {
    match error {
        DeclareError::Stale { stored, .. } => {
            let metadata = HashMap::from([("stored_version".to_owned(), stored.to_string())]);
            status(Code::FailedPrecondition, "STALE_DECLARATION", error.to_string(), metadata)
        }
        DeclareError::Store(error) => unavailable(error),
    }
}
