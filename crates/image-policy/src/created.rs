//! When an image was built.

/// The instant Go's zero `time.Time` stands for (0001-01-01T00:00:00Z), in seconds since the Unix epoch.
const GO_ZERO_SECONDS: i128 = -62_135_596_800;

/// An image's build time: the `created` field of its configuration, to the nanosecond.
///
/// Not the time of its push, which registries do not tell. The Unix epoch is a time like any other, since
/// reproducible builds use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Created(i128);

impl Created {
    /// Takes nanoseconds since the Unix epoch; `None` for Go's zero time, which builders that record no time
    /// leave behind and which therefore means "unknown" (Flux: "zero created timestamp").
    pub fn from_unix_nanos(nanos: i128) -> Option<Self> {
        (nanos.div_euclid(1_000_000_000) != GO_ZERO_SECONDS).then_some(Self(nanos))
    }

    /// Nanoseconds since the Unix epoch; negative before it.
    pub fn unix_nanos(self) -> i128 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_zero_time_is_unknown_and_the_epoch_is_not() {
        assert_eq!(Created::from_unix_nanos(GO_ZERO_SECONDS * 1_000_000_000), None);
        assert_eq!(Created::from_unix_nanos(0).map(Created::unix_nanos), Some(0));
        assert!(Created::from_unix_nanos(-1).is_some());
    }
}
