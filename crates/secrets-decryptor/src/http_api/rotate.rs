//! Sealing again with the newest key. Pure but for the random source of the sealing.

use sealing::{Label, SealError, Unsealed};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::keys::KeySet;
use crate::reconcile::validate::Sealed;

/// Fields of the metadata that the API server sets and that belong into no file.
const SERVER_FIELDS: [&str; 6] =
    ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// Why nothing was sealed.
#[derive(Debug, Error)]
pub(super) enum RotateError {
    /// There is no key.
    #[error("there is no sealing key yet")]
    NoKey,
    /// An item could not be sealed.
    #[error("item {0:?} could not be sealed again")]
    Seal(String, #[source] SealError),
}

/// Puts the items, sealed with the newest key for the same label, into the object as it was sent. Everything else in
/// it stays, apart from its status and what the API server sets.
pub(super) fn rotate(
    keys: &KeySet,
    sealed: &Sealed,
    unsealed: &Unsealed,
    mut object: Value,
) -> Result<Value, RotateError> {
    let key = keys.keyring.current().ok_or(RotateError::NoKey)?.certificate().public_key();
    let label = Label::new(sealed.scope, &sealed.namespace, &sealed.name);
    let seal = |(name, value): (&String, &sealing::Plaintext)| {
        let text =
            key.seal(value.expose(), &label).map_err(|error| RotateError::Seal(name.clone(), error))?;
        Ok((name.clone(), Value::String(text)))
    };
    let items = unsealed.values.iter().map(seal).collect::<Result<Map<_, _>, _>>()?;
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|field, _| !SERVER_FIELDS.contains(&field.as_str()));
        }
        if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("encryptedData".to_owned(), Value::Object(items));
        }
    }
    Ok(object)
}
