//! kustomize's `images`: other names, tags and digests for the images of containers.
//!
//! An image is a field `image` of an item of any list `containers` or `initContainers`, wherever it stands in whatever object,
//! and the `reference` of an image volume of a pod or pod template. CustomResourceDefinitions are left alone.

use go_yaml::Value;
use regex::Regex;

use super::meter::{Meter, OverBudget};
use super::selector::{PatternFault, compile, field, scalar_text};

/// A change as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSpec {
    /// The image as the objects name it, without tag and digest. kustomize reads it as a regular expression.
    pub name: String,
    /// Its new name; empty to keep it.
    pub new_name: String,
    /// Its new tag; empty to keep it.
    pub new_tag: String,
    /// Its new digest (`sha256:…`), in place of a tag if no tag is given; empty for none.
    pub digest: String,
}

/// A change of images.
#[derive(Debug, Clone)]
pub(super) struct ImageChange {
    pattern: Regex,
    spec: ImageSpec,
}

/// Why the images of an object cannot be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// An image is no text.
    #[error("{0} is no text")]
    NoText(String),
    /// Something that leads to an image is neither map nor list.
    #[error("{0} is neither a map nor a list")]
    NoCollection(String),
    /// The render's budget is used up.
    #[error(transparent)]
    Budget(#[from] OverBudget),
}

/// Where pods have images, in kustomize's table for objects of all kinds.
const PLACES: [&[&str]; 6] = [
    &["spec", "containers", "image"],
    &["spec", "initContainers", "image"],
    &["spec", "volumes", "image", "reference"],
    &["spec", "template", "spec", "containers", "image"],
    &["spec", "template", "spec", "initContainers", "image"],
    &["spec", "template", "spec", "volumes", "image", "reference"],
];

impl ImageChange {
    pub(super) fn parse(spec: &ImageSpec) -> Result<Self, PatternFault> {
        let tag = "(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?";
        let pattern = compile(&format!("^{}{tag}$", spec.name))?;
        Ok(Self { pattern, spec: spec.clone() })
    }

    /// Whether it changed an image.
    pub(super) fn apply(&self, object: &mut Value, meter: &mut Meter<'_>) -> Result<bool, ImageError> {
        if field(object, &["kind"]) == "CustomResourceDefinition" {
            return Ok(false);
        }
        let mut walk = Walk { change: self, changed: false };
        walk.everywhere(object, meter)?;
        PLACES.iter().try_for_each(|place| walk.at(object, place, place))?;
        Ok(walk.changed)
    }

    fn changed(&self, image: &str) -> String {
        let (name, tag, digest) = split(image);
        let new = &self.spec;
        let name = if new.new_name.is_empty() { name } else { &new.new_name };
        let (tag, digest) = match (new.new_tag.as_str(), new.digest.as_str()) {
            ("", "") => (tag, digest),
            given => given,
        };
        let part =
            |mark: &str, text: &str| if text.is_empty() { String::new() } else { format!("{mark}{text}") };
        format!("{name}{}{}", part(":", tag), part("@", digest))
    }
}

/// A change on its way through an object.
struct Walk<'c> {
    change: &'c ImageChange,
    changed: bool,
}

impl Walk<'_> {
    /// Changes the images of all lists of containers.
    fn everywhere(&mut self, value: &mut Value, meter: &mut Meter<'_>) -> Result<(), ImageError> {
        meter.steps(1)?;
        match value {
            Value::Map(map) => {
                for (key, value) in map {
                    self.everywhere(value, meter)?;
                    if let (Value::Seq(items), "containers" | "initContainers") = (value, key.as_str()) {
                        items.iter_mut().try_for_each(|item| self.of_container(item, key))?;
                    }
                }
                Ok(())
            }
            Value::Seq(items) => items.iter_mut().try_for_each(|item| self.everywhere(item, meter)),
            _ => Ok(()),
        }
    }

    fn of_container(&mut self, container: &mut Value, list: &str) -> Result<(), ImageError> {
        match container {
            Value::Null => Ok(()),
            Value::Map(map) => {
                map.get_mut("image").map_or(Ok(()), |image| self.set(image, || format!("an image in {list}")))
            }
            _ => Err(ImageError::NoCollection(format!("an item of {list}"))),
        }
    }

    /// Changes what is at a path that leads through any lists.
    fn at(&mut self, value: &mut Value, way: &[&str], place: &[&str]) -> Result<(), ImageError> {
        let Some((key, rest)) = way.split_first() else {
            return self.set(value, || place.join("."));
        };
        match value {
            Value::Null => Ok(()),
            Value::Map(map) => map.get_mut(*key).map_or(Ok(()), |value| self.at(value, rest, place)),
            Value::Seq(items) => items.iter_mut().try_for_each(|item| self.at(item, way, place)),
            _ => Err(ImageError::NoCollection(place[..place.len() - way.len()].join("."))),
        }
    }

    fn set(&mut self, image: &mut Value, place: impl Fn() -> String) -> Result<(), ImageError> {
        match image {
            Value::Map(_) | Value::Seq(_) => return Err(ImageError::NoText(place())),
            Value::Null => return Ok(()),
            _ => {}
        }
        let text = scalar_text(image);
        if self.change.pattern.is_match(&text) {
            *image = Value::String(self.change.changed(&text));
            self.changed = true;
        }
        Ok(())
    }
}

/// Name, tag and digest. A colon before the first slash belongs to the registry's port.
fn split(image: &str) -> (&str, &str, &str) {
    let path = image.find('/').filter(|slash| *slash > 0).unwrap_or(0);
    let (rest, digest) = match image[path..].find('@') {
        Some(at) => (&image[..path + at], &image[path + at + 1..]),
        None => (image, ""),
    };
    match rest[path..].find(':') {
        Some(colon) => (&rest[..path + colon], &rest[path + colon + 1..], digest),
        None => (rest, "", digest),
    }
}
