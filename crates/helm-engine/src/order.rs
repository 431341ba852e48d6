//! The order in which Helm creates and deletes objects, by kind.

/// Which of Helm's two orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindOrder {
    /// For creating: what others need comes first.
    Install,
    /// For deleting: what needs others comes first.
    Uninstall,
}

const INSTALL: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

// Not the reverse of the other: workloads go after the Services that lead to them.
const UNINSTALL: [&str; 38] = [
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "APIService",
    "Ingress",
    "IngressClass",
    "Service",
    "CronJob",
    "Job",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "Pod",
    "DaemonSet",
    "RoleBindingList",
    "RoleBinding",
    "RoleList",
    "Role",
    "ClusterRoleBindingList",
    "ClusterRoleBinding",
    "ClusterRoleList",
    "ClusterRole",
    "CustomResourceDefinition",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "StorageClass",
    "ConfigMap",
    "SecretList",
    "Secret",
    "ServiceAccount",
    "PodDisruptionBudget",
    "PodSecurityPolicy",
    "LimitRange",
    "ResourceQuota",
    "NetworkPolicy",
    "Namespace",
    "PriorityClass",
];

/// Sorts by kind, keeping the order of what is of one kind. Kinds that Helm does not list come last, by name.
pub fn sort_by_kind<T>(items: &mut [T], order: KindOrder, kind: impl Fn(&T) -> &str) {
    let kinds = match order {
        KindOrder::Install => &INSTALL,
        KindOrder::Uninstall => &UNINSTALL,
    };
    let rank = |kind: &str| kinds.iter().position(|known| *known == kind);
    items.sort_by_cached_key(|item| {
        let kind = kind(item);
        match rank(kind) {
            Some(rank) => (rank, String::new()),
            None => (kinds.len(), kind.to_owned()),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_like_helm() {
        let mut kinds =
            ["Zebra", "Deployment", "a", "Service", "Namespace", "Ape", "Secret", "Pod", "Service"];
        sort_by_kind(&mut kinds, KindOrder::Install, |kind| kind);
        assert_eq!(
            kinds,
            ["Namespace", "Secret", "Service", "Service", "Pod", "Deployment", "Ape", "Zebra", "a"]
        );
        sort_by_kind(&mut kinds, KindOrder::Uninstall, |kind| kind);
        assert_eq!(
            kinds,
            ["Service", "Service", "Deployment", "Pod", "Secret", "Namespace", "Ape", "Zebra", "a"]
        );
    }

    #[test]
    fn what_is_of_one_kind_keeps_its_order() {
        let mut items = [("B", 1), ("A", 1), ("B", 2), ("Pod", 1), ("A", 2), ("Pod", 2)];
        sort_by_kind(&mut items, KindOrder::Install, |item| item.0);
        assert_eq!(items, [("Pod", 1), ("Pod", 2), ("A", 1), ("A", 2), ("B", 1), ("B", 2)]);
    }
}
