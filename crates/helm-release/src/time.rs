//! Points in time as the record writes them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A point in time, in the text that the record holds it in.
///
/// Go prints RFC 3339 with up to nine digits of fraction and the writer's offset. The text is kept beside the instant, so
/// that a record written elsewhere is written back unchanged.
#[derive(Clone, Debug)]
pub struct RecordTime {
    text: String,
    instant: Timestamp,
}

/// A text that is no RFC 3339 time.
#[derive(Debug, thiserror::Error)]
#[error("\"{text}\" is not a time in RFC 3339 format")]
pub struct InvalidTime {
    text: String,
    #[source]
    source: jiff::Error,
}

impl RecordTime {
    /// Reads a time as the record writes it.
    ///
    /// # Errors
    /// If `text` is not in RFC 3339 format.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        match text.parse() {
            Ok(instant) => Ok(Self { text: text.to_owned(), instant }),
            Err(source) => Err(InvalidTime { text: text.to_owned(), source }),
        }
    }

    /// The instant.
    pub fn timestamp(&self) -> Timestamp {
        self.instant
    }

    /// The time as `helm list` and `helm history` print it (`Mon Jan  2 15:04:05 2006`), in UTC.
    pub fn to_ansic(&self) -> String {
        self.instant.to_zoned(TimeZone::UTC).strftime("%a %b %e %H:%M:%S %Y").to_string()
    }
}

impl From<Timestamp> for RecordTime {
    fn from(instant: Timestamp) -> Self {
        Self { text: instant.to_string(), instant }
    }
}

/// Equal if they name the same instant.
impl PartialEq for RecordTime {
    fn eq(&self, other: &Self) -> bool {
        self.instant == other.instant
    }
}

impl Eq for RecordTime {}

impl std::fmt::Display for RecordTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Serde of an optional time: no time is absent in the record; `null`, an empty text (Helm 3) and Go's zero time
/// are read as no time.
pub(crate) mod optional {
    use super::RecordTime;
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// How Go prints a time that was never set.
    const GO_ZERO: &str = "0001-01-01T00:00:00Z";

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<RecordTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_str(&time.text),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<RecordTime>, D::Error> {
        match Option::<String>::deserialize(deserializer)? {
            Some(text) if !text.is_empty() && text != GO_ZERO => {
                RecordTime::parse(&text).map(Some).map_err(de::Error::custom)
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_helm_does() {
        let time = RecordTime::parse("2018-07-20T18:51:52.123456789+02:00").unwrap();
        assert_eq!(time.to_string(), "2018-07-20T18:51:52.123456789+02:00");
        assert_eq!(time.to_ansic(), "Fri Jul 20 16:51:52 2018");
        assert_eq!(RecordTime::from(time.timestamp()).to_string(), "2018-07-20T16:51:52.123456789Z");
        assert_eq!(RecordTime::parse("2018-07-02T01:02:03Z").unwrap().to_ansic(), "Mon Jul  2 01:02:03 2018");
    }

    #[test]
    fn trims_the_fraction_like_go() {
        for (nanoseconds, text) in [(0, "1970-01-01T00:00:01Z"), (120_000_000, "1970-01-01T00:00:01.12Z")] {
            let time = RecordTime::from(Timestamp::new(1, nanoseconds).unwrap());
            assert_eq!(time.to_string(), text);
        }
    }
}
