//! The bounds this crate keeps, so that no text can exhaust memory or the stack.

/// Longest text read, in bytes. The largest public Helm repository index is about 25 MB.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Deepest nesting of collections, when reading and when printing.
///
/// go-yaml stops at 10 000, far beyond what Kubernetes objects and Helm values reach. The smaller number keeps every
/// recursion within half of a 2 MiB stack, even in an unoptimised build.
pub const MAX_DEPTH: usize = 200;

/// Most nodes (scalars, collections, aliases) in one document.
pub const MAX_NODES: usize = 4_000_000;

/// Most bytes of scalar text copied by expanding aliases in one document.
///
/// go-yaml bounds only the number of expanded nodes (as does this crate, by the same rule), because its strings
/// are shared; ours are copied.
pub const MAX_ALIASED_BYTES: usize = 64 * 1024 * 1024;

/// The share of decoded nodes that may come from aliases, by the number decoded so far (go-yaml's rule): 99 %
/// up to 400 000 nodes, falling to 10 % at 4 000 000.
pub(crate) fn allowed_alias_share(decoded: usize) -> f64 {
    const LOW: f64 = 400_000.0;
    const HIGH: f64 = 4_000_000.0;
    let decoded = decoded as f64;
    if decoded <= LOW {
        0.99
    } else if decoded >= HIGH {
        0.10
    } else {
        0.99 - 0.89 * ((decoded - LOW) / (HIGH - LOW))
    }
}
