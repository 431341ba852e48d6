//! Verify: asks secrets-decryptor about the SealedSecrets of a revision.
//!
//! One that can never be opened is its file's error and is not applied, so that the SealedSecret that is live stays. No answer
//! is a warning, never a blocked sync.

use super::validate::Desired;
use crate::decryptor::Decryptor;
use crate::manifests::{FileError, ManifestObject};

/// Takes what cannot be opened out of the objects and reports it.
pub async fn verify(desired: &mut Desired, decryptor: Option<&Decryptor>) {
    let Some(decryptor) = decryptor else { return };
    let sealed: Vec<_> = desired.objects.iter().filter(|object| is_sealed_secret(object)).collect();
    if sealed.is_empty() {
        return;
    }
    let documents = sealed.iter().map(|object| object.content.to_string().into_bytes()).collect();
    match decryptor.verify(documents).await {
        Ok(verdicts) => refuse(desired, verdicts),
        Err(error) => {
            tracing::warn!(error = service_kit::chain(&error), "SealedSecrets are applied unverified");
        }
    }
}

fn is_sealed_secret(object: &ManifestObject) -> bool {
    object.object.kind == "SealedSecret" && object.object.group() == "bitnami.com" && !object.ignored
}

/// Applies the verdicts, given in the order of the SealedSecrets.
fn refuse(desired: &mut Desired, verdicts: Vec<Option<String>>) {
    let mut verdicts = verdicts.into_iter();
    let mut errors = Vec::new();
    desired.objects.retain(|object| {
        if !is_sealed_secret(object) {
            return true;
        }
        let Some(Some(problem)) = verdicts.next() else { return true };
        errors.push(FileError {
            path: object.path.clone(),
            document: object.document,
            line: 0,
            message: format!("{} cannot be opened here and is not applied: {problem}", object.object),
        });
        false
    });
    desired.errors.extend(errors);
    desired.errors.sort();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_cannot_be_opened_is_taken_out() {
        let object = |kind: &str, name: &str| ManifestObject {
            object: kube_apply::ObjectRef {
                api_version: "bitnami.com/v1alpha1".into(),
                kind: kind.into(),
                namespace: Some("dev".into()),
                name: name.into(),
            },
            path: format!("{name}.yaml"),
            document: 1,
            content: json!({}),
            ignored: false,
            workload: None,
        };
        let mut desired = Desired {
            objects: vec![
                object("SealedSecret", "good"),
                object("Other", "other"),
                object("SealedSecret", "bad"),
            ],
            errors: Vec::new(),
        };
        refuse(&mut desired, vec![None, Some("sealed for another namespace".into())]);
        let left: Vec<_> = desired.objects.iter().map(|object| object.object.name.as_str()).collect();
        assert_eq!(left, ["good", "other"]);
        assert_eq!(
            desired.errors[0].to_string(),
            "bad.yaml, document 1: SealedSecret dev/bad cannot be opened here and is not applied: sealed for another namespace"
        );
    }
}
