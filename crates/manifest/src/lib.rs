//! Kubernetes manifests as text: what a file states, which policies and images its workloads have, and edits that
//! change exactly the bytes of one image tag.
//!
//! The crate is pure: a file comes in as bytes with its path for messages, and goes out as bytes. Files are read by
//! the rules of kubectl and Helm ([`go_yaml`]), policies and image fields by those of Flux v1.
//!
//! Invariants:
//! - What is wrong with one document takes nothing from its siblings ([`parse`]).
//! - An edit splices bytes and keeps everything around them; before it is given out the result is read again, and
//!   anything but the one intended change is an error ([`set_image`]).
//!
//! ```
//! let file = b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: 'podinfo:1.0' # keep\n";
//! let parsed = manifest::parse("web.yaml", file);
//! let web = &parsed.objects[0];
//! assert_eq!(manifest::images(web).containers[0].image.to_string(), "podinfo:1.0");
//! let change = manifest::ImageChange { container: "web", from: Some(&"1.0".parse()?), to: &"1.1".parse()? };
//! let edited = manifest::set_image("web.yaml", file, &web.id, change)?;
//! assert!(String::from_utf8(edited)?.ends_with("image: 'podinfo:1.1' # keep\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod edit;
mod error;
mod file;
mod identity;
mod images;
mod path;
mod policy;
mod tree;

pub use edit::{EditError, ImageChange, set_image};
pub use error::ManifestError;
pub use file::{ManifestFile, Object, parse};
pub use identity::ObjectId;
pub use images::{ContainerImage, ImageFields, ImageProblem, Images, images, pull_secrets};
pub use path::{FieldPath, Step};
pub use policy::{Ignore, Policies, PolicyProblem, policies};
pub use tree::{chart_directories, is_manifest};
