//! Who is calling, and what they may call.

use std::fmt;

/// The caller of an RPC, as the connection proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Somebody on a connection without TLS. There is no proof, so no rule can hold: plain text is for one's own
    /// machine and for tests.
    Anonymous,
    /// The holder of a certificate that the service's CA signed, by the certificate's subject common name.
    Named(String),
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// The rules of one service: which callers may call which RPCs.
///
/// Health and reflection are open to every caller whose certificate the CA signed. Everything else is closed until a
/// rule opens it.
///
/// ```
/// use service_kit::{Access, Caller};
/// let access = Access::closed().allow("/windlass.source.v1.SourceService/", &["release-operator"]);
/// let caller = |name: &str| Caller::Named(name.to_owned());
/// assert!(access.permits(&caller("release-operator"), "/windlass.source.v1.SourceService/Fetch"));
/// assert!(!access.permits(&caller("image-scanner"), "/windlass.source.v1.SourceService/Fetch"));
/// assert!(access.permits(&caller("image-scanner"), "/grpc.health.v1.Health/Check"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Access {
    rules: Vec<(&'static str, &'static [&'static str])>,
}

/// Services that any authenticated caller may call.
const OPEN: [&str; 2] = ["/grpc.health.", "/grpc.reflection."];

impl Access {
    /// No rule yet.
    #[must_use]
    pub fn closed() -> Self {
        Self::default()
    }

    /// Opens every RPC whose path (`/package.Service/Method`) begins with `prefix` to the callers named.
    #[must_use]
    pub fn allow(mut self, prefix: &'static str, callers: &'static [&'static str]) -> Self {
        self.rules.push((prefix, callers));
        self
    }

    /// Whether `caller` may call the RPC at `path`.
    #[must_use]
    pub fn permits(&self, caller: &Caller, path: &str) -> bool {
        match caller {
            Caller::Anonymous => true,
            Caller::Named(name) => {
                OPEN.iter().any(|prefix| path.starts_with(prefix))
                    || self
                        .rules
                        .iter()
                        .any(|(prefix, callers)| path.starts_with(prefix) && callers.contains(&name.as_str()))
            }
        }
    }
}
