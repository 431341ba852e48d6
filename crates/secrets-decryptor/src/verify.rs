//! Whether a SealedSecret that somebody sends could be opened here.
//!
//! Invariants: nothing is rendered and no value leaves; a message says what is wrong, never what is inside.

use std::sync::Arc;

use crds::SealedSecret;
use sealing::Unsealed;
use thiserror::Error;

use crate::keys::KeySet;
use crate::reconcile::act::{self, ActError};
use crate::reconcile::validate::{self, Fault, Sealed};

/// Why a SealedSecret could not be opened.
#[derive(Debug, Error)]
pub(crate) enum VerifyError {
    /// The spec asks for something that cannot be done.
    #[error("{}", validate::list(.0))]
    Invalid(Vec<Fault>),
    /// Items do not open.
    #[error(transparent)]
    Unseal(#[from] sealing::UnsealError),
    /// The process is stopping.
    #[error(transparent)]
    Interrupted(#[from] ActError),
}

/// Opens the items of a SealedSecret and gives them to the caller, which must not let them out.
pub(crate) async fn open(
    keys: Arc<KeySet>,
    object: &SealedSecret,
) -> Result<(Arc<Sealed>, Unsealed), VerifyError> {
    let sealed = Arc::new(validate::validate(object).map_err(VerifyError::Invalid)?);
    let unsealed = act::unseal(keys, Arc::clone(&sealed)).await??;
    Ok((sealed, unsealed))
}
