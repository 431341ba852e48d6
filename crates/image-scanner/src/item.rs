//! A declared item and what it means.

use image_policy::{ImageRef, PatternError, TagPattern};

/// A Secret by reference; its content is never asked for by whoever declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// A container whose image automation follows, as declared. Nothing in it is checked yet: see [`Item::automation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `<namespace>:<kind in lower case>/<name>`.
    pub workload: String,
    /// The container; `chart-image` for the image at the top level of a release's values.
    pub container: String,
    /// The image as the file writes it.
    pub image: String,
    /// The tag pattern as written; empty when none is.
    pub tag_pattern: String,
    /// Secrets for pulling the image.
    pub pull_secrets: Vec<SecretRef>,
}

/// An item that can be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Automation {
    /// Names the item in sentences.
    pub item: String,
    /// The image; it has a tag and no digest.
    pub image: ImageRef,
    /// Which tags may replace its tag.
    pub pattern: TagPattern,
}

/// Why an item cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ItemFault {
    /// The workload or the container is not named.
    #[error("an item of image {image:?} names no workload or no container; both have to be declared")]
    Nameless {
        /// The image.
        image: String,
    },
    /// The image is malformed.
    #[error("{item}: the image cannot be read")]
    Image {
        /// The item.
        item: String,
        /// What is wrong with it.
        #[source]
        source: image_policy::ParseError,
    },
    /// The pattern is malformed or not supported.
    #[error("{item}: the policy of image {image} cannot be used")]
    Pattern {
        /// The item.
        item: String,
        /// The image.
        image: String,
        /// What is wrong with it.
        #[source]
        source: PatternError,
    },
    /// The image states no tag that could be replaced.
    #[error("{item}: image {image} has no tag to update; write the tag that should run now")]
    NoTag {
        /// The item.
        item: String,
        /// The image.
        image: String,
    },
    /// The image is pinned.
    #[error("{item}: image {image} is pinned by its digest; remove the digest to automate it")]
    Pinned {
        /// The item.
        item: String,
        /// The image.
        image: String,
    },
    /// Two items of a declaration have the same workload and container.
    #[error("{item}: declared more than once; declare each container of a workload once")]
    Duplicate {
        /// The item.
        item: String,
    },
}

impl Item {
    /// How sentences name the item.
    pub fn name(&self) -> String {
        format!("{} container {}", self.workload, self.container)
    }

    /// Checks the item. Without a pattern every tag but `latest` is admitted (Flux v1).
    ///
    /// # Errors
    /// A sentence that names the item and says what to do.
    pub fn automation(&self) -> Result<Automation, ItemFault> {
        if self.workload.is_empty() || self.container.is_empty() {
            return Err(ItemFault::Nameless { image: self.image.clone() });
        }
        let item = self.name();
        let image: ImageRef = match self.image.parse() {
            Ok(image) => image,
            Err(source) => return Err(ItemFault::Image { item, source }),
        };
        if image.digest().is_some() {
            return Err(ItemFault::Pinned { item, image: self.image.clone() });
        }
        if image.tag().is_none() {
            return Err(ItemFault::NoTag { item, image: self.image.clone() });
        }
        let pattern = match self.tag_pattern.as_str() {
            "" => Ok(TagPattern::any()),
            written => written.parse(),
        };
        match pattern {
            Ok(pattern) => Ok(Automation { item, image, pattern }),
            Err(source) => Err(ItemFault::Pattern { item, image: self.image.clone(), source }),
        }
    }
}

#[cfg(test)]
pub(crate) fn item(image: &str, tag_pattern: &str) -> Item {
    Item {
        workload: "dev:fluxhelmrelease/podinfo-dev".to_owned(),
        container: "chart-image".to_owned(),
        image: image.to_owned(),
        tag_pattern: tag_pattern.to_owned(),
        pull_secrets: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use service_kit::chain;

    use super::*;

    #[test]
    fn a_bad_item_says_which_it_is_and_what_to_do() {
        let digest = format!("a/b:1@sha256:{}", "0".repeat(64));
        for (image, pattern, parts) in [
            ("a/b:1", "semver:~1", &["semver:~1", "later version", "glob:"][..]),
            ("a/b:1", "regexp:.*", &["regexp:.*"]),
            ("A/b:1", "glob:*", &["\"A/b:1\"", "lower-case"]),
            ("", "glob:*", &["empty"]),
            ("a/b", "glob:*", &["a/b", "write the tag"]),
            (&digest, "glob:*", &["remove the digest"]),
        ] {
            let text = chain(&item(image, pattern).automation().unwrap_err());
            assert!(text.starts_with("dev:fluxhelmrelease/podinfo-dev container chart-image: "), "{text}");
            for part in parts {
                assert!(text.contains(part), "{text:?} has to contain {part:?}");
            }
        }
        let nameless = Item { container: String::new(), ..item("a/b:1", "") };
        assert!(matches!(nameless.automation(), Err(ItemFault::Nameless { .. })));
        assert_eq!(item("a/b:1", "").automation().unwrap().pattern, TagPattern::any());
    }
}
