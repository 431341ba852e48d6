//! The settings that all commands share, from flags and environment.

use std::path::Path;

use crate::flags::{Flag, Kind, Parsed, boolean};
use crate::process::Process;
use crate::{disk, kubeconfig};

/// The flags that every command takes. Those for a cluster, a registry and the log of Helm's libraries have no effect.
pub(crate) const FLAGS: &[Flag] = &[
    Flag::new("namespace", Kind::Text, "namespace of the release").short('n'),
    Flag::new("kubeconfig", Kind::Text, "kubeconfig file whose context names the default namespace"),
    Flag::new("kube-context", Kind::Text, "context of the kubeconfig file"),
    Flag::new(
        "debug",
        Kind::Switch,
        "say more on standard error; print manifests even if they are not valid YAML",
    ),
    Flag::idle("kube-token", Kind::Text),
    Flag::idle("kube-as-user", Kind::Text),
    Flag::idle("kube-as-group", Kind::Texts),
    Flag::idle("kube-apiserver", Kind::Text),
    Flag::idle("kube-ca-file", Kind::Text),
    Flag::idle("kube-tls-server-name", Kind::Text),
    Flag::idle("kube-insecure-skip-tls-verify", Kind::Switch),
    Flag::idle("registry-config", Kind::Text),
    Flag::idle("repository-config", Kind::Text),
    Flag::idle("repository-cache", Kind::Text),
    Flag::idle("content-cache", Kind::Text),
    Flag::idle("burst-limit", Kind::Int),
    Flag::idle("qps", Kind::Float),
    Flag::idle("color", Kind::Text),
    Flag::idle("colour", Kind::Text),
    Flag::idle("add-dir-header", Kind::Switch),
    Flag::idle("alsologtostderr", Kind::Switch),
    Flag::idle("log-backtrace-at", Kind::Text),
    Flag::idle("log-dir", Kind::Text),
    Flag::idle("log-file", Kind::Text),
    Flag::idle("log-file-max-size", Kind::Int),
    Flag::idle("logtostderr", Kind::Switch),
    Flag::idle("one-output", Kind::Switch),
    Flag::idle("skip-headers", Kind::Switch),
    Flag::idle("skip-log-headers", Kind::Switch),
    Flag::idle("stderrthreshold", Kind::Text),
    Flag::idle("v", Kind::Int).short('v'),
    Flag::idle("vmodule", Kind::Text),
];

/// Whether debugging is on: `--debug`, or else `HELM_DEBUG`.
pub(crate) fn debug(flags: &Parsed, process: &Process<'_>) -> bool {
    let from_environment = || process.text("HELM_DEBUG").is_some_and(|text| boolean(&text) == Ok(true));
    if flags.is_set("debug") { flags.on("debug") } else { from_environment() }
}

/// The colour mode that Helm refuses, if it is one: nothing is ever coloured here.
pub(crate) fn unknown_color(flags: &Parsed) -> Option<&str> {
    let mode = flags.text("colour").or_else(|| flags.text("color"))?;
    (!["never", "auto", "always"].contains(&mode)).then_some(mode)
}

/// Where a pod finds its service account's token and namespace.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The namespace of the release: `--namespace`, or else `HELM_NAMESPACE`, or else that of the kubeconfig's context, or
/// else that of the pod that this runs in, or else `default`.
pub(crate) fn namespace(flags: &Parsed, process: &Process<'_>) -> String {
    let stated = flags.text("namespace").map(str::to_owned).or_else(|| process.text("HELM_NAMESPACE"));
    let from_context =
        || kubeconfig::namespace(flags.text("kubeconfig"), flags.text("kube-context"), process);
    let from_pod = || pod_namespace(Path::new(SERVICE_ACCOUNT), process);
    let stated = stated.filter(|name| !name.is_empty());
    stated.or_else(from_context).or_else(from_pod).unwrap_or_else(|| "default".to_owned())
}

/// The namespace of the pod that this runs in, found as Kubernetes' own client does.
fn pod_namespace(service_account: &Path, process: &Process<'_>) -> Option<String> {
    let variable = |name| process.text(name).filter(|text| !text.is_empty());
    variable("KUBERNETES_SERVICE_HOST").and(variable("KUBERNETES_SERVICE_PORT"))?;
    if disk::is_folder(&service_account.join("token")) != Some(false) {
        return None;
    }
    let from_file = || {
        let text = disk::read_file(service_account.join("namespace"), MOST_NAMESPACE).ok()?;
        let text = String::from_utf8(text).ok()?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    variable("POD_NAMESPACE").or_else(from_file)
}

/// The most bytes of the file that names a pod's namespace.
const MOST_NAMESPACE: u64 = 4096;

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_pod_knows_its_namespace() {
        let account = tempfile::tempdir().unwrap();
        let seen = |variables: &'static [(&str, &str)]| {
            let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
            let variable = Rc::new(move |name: &str| find(name).map(|(_, value)| (*value).into()));
            let process = Process { variable, stdin: &mut std::io::empty() };
            pod_namespace(account.path(), &process)
        };
        const POD: &[(&str, &str)] = &[("KUBERNETES_SERVICE_HOST", "h"), ("KUBERNETES_SERVICE_PORT", "1")];
        const NAMED: &[(&str, &str)] = &[
            ("KUBERNETES_SERVICE_HOST", "h"),
            ("KUBERNETES_SERVICE_PORT", "1"),
            ("POD_NAMESPACE", "by-variable"),
        ];
        std::fs::write(account.path().join("namespace"), "by-file\n").unwrap();
        assert_eq!(seen(POD), None, "there is no token");
        std::fs::write(account.path().join("token"), "").unwrap();
        assert_eq!((seen(&[]), seen(POD)), (None, Some("by-file".to_owned())));
        assert_eq!(seen(NAMED), Some("by-variable".to_owned()));
    }
}
