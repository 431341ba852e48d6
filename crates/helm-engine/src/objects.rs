//! `.Capabilities` as templates see it.

use std::any::Any;
use std::sync::Arc;

use go_template::{Executor, FuncError, List, Object, Signature, Type, Value};

use crate::capabilities::{Capabilities, HelmVersion, KubeVersion};

/// `.Capabilities`, a pointer to a struct in Go.
pub(crate) struct CapabilitiesObject(pub(crate) Arc<Capabilities>);

struct KubeVersionObject(KubeVersion);

struct HelmVersionObject(HelmVersion);

/// `.Capabilities.APIVersions`: a list with the method `Has`.
struct ApiVersions(Arc<Capabilities>);

impl Object for CapabilitiesObject {
    fn ty(&self) -> Type {
        Type::Opaque("*common.Capabilities")
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "KubeVersion" => Value::object(KubeVersionObject(self.0.kube_version.clone())),
            "APIVersions" => Value::object(ApiVersions(self.0.clone())),
            "HelmVersion" => Value::object(HelmVersionObject(self.0.helm_version.clone())),
            _ => return None,
        })
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let field = |name| self.field(name).map(|value| (name, value));
        ["KubeVersion", "APIVersions", "HelmVersion"].into_iter().filter_map(field).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for KubeVersionObject {
    fn ty(&self) -> Type {
        Type::Opaque("common.KubeVersion")
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Version" => self.0.version.as_str().into(),
            "Major" => self.0.major.as_str().into(),
            "Minor" => self.0.minor.as_str().into(),
            _ => return None,
        })
    }

    fn method(&self, name: &str) -> Option<Signature> {
        matches!(name, "String" | "GitVersion").then_some(Signature::fixed(&[]))
    }

    fn call(&self, _: &mut Executor<'_>, name: &str, _: &[Value]) -> Result<Value, FuncError> {
        let text = if name == "String" { &self.0.normalized } else { &self.0.version };
        Ok(text.as_str().into())
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let field = |name| self.field(name).map(|value| (name, value));
        ["Version", "Major", "Minor"].into_iter().filter_map(field).collect()
    }

    fn display(&self) -> Option<String> {
        Some(self.0.normalized.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for HelmVersionObject {
    fn ty(&self) -> Type {
        Type::Opaque("version.BuildInfo")
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let HelmVersion { version, git_commit, git_tree_state, go_version, kube_client_version } = &self.0;
        vec![
            ("Version", version.as_str().into()),
            ("GitCommit", git_commit.as_str().into()),
            ("GitTreeState", git_tree_state.as_str().into()),
            ("GoVersion", go_version.as_str().into()),
            ("KubeClientVersion", kube_client_version.as_str().into()),
        ]
    }

    fn json_fields(&self) -> Vec<(&'static str, Value)> {
        let HelmVersion { version, git_commit, git_tree_state, go_version, kube_client_version } = &self.0;
        let optional = [
            ("version", version),
            ("git_commit", git_commit),
            ("git_tree_state", git_tree_state),
            ("go_version", go_version),
        ];
        let stated = optional.into_iter().filter(|(_, text)| !text.is_empty());
        let always = [("kube_client_version", kube_client_version)];
        stated.chain(always).map(|(name, text)| (name, text.as_str().into())).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for ApiVersions {
    fn ty(&self) -> Type {
        Type::Named("common.VersionSet", &Type::STRING_LIST)
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "Has").then_some(Signature::fixed(&[Type::String]))
    }

    fn call(&self, _: &mut Executor<'_>, _: &str, args: &[Value]) -> Result<Value, FuncError> {
        let wanted = args.first().and_then(Value::as_str).ok_or("the API version is not a text")?;
        Ok(self.0.api_versions.iter().any(|version| wanted == version.as_str()).into())
    }

    fn data(&self) -> Option<Value> {
        Some(Value::List(List::of_strings(self.0.api_versions.iter().map(String::as_str))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
