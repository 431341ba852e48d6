//! What is done to rendered objects before they are installed: kustomize's patches and images, and labels and annotations for all
//! of them, as Flux's helm-controller has them.
//!
//! Hooks are changed like all other objects; that is Helm 4's default (its strategy `combined`). What a patch makes a hook is
//! one afterwards, and objects are sorted again. Objects keep the path of their template, and those that do not change keep
//! their text; others are printed anew. CRDs in `crds/` and notes are left alone.
//!
//! Invariants: what is malformed is found by [`PostRender::parse`]; [`PostRender::apply`] is a pure function of its arguments and
//! ends within the [`Budgets`] of a render. No error holds a value of an object.

mod document;
mod images;
mod json_patch;
mod kinds;
mod lists;
mod metadata;
mod meter;
mod patch;
mod requirements;
mod run;
mod selector;
mod strategic;

pub use images::{ImageError, ImageSpec};
pub use json_patch::{JsonPatchError, OperationError};
pub use metadata::{CommonMetadata, MetadataError};
pub use meter::OverBudget;
pub use patch::{PatchError, PatchFault, PatchSpec};
pub use requirements::RequirementsError;
pub use selector::{PatternFault, Selector, SelectorError, SelectorSpec};
pub use strategic::MergeError;

use go_yaml::{ReadError, WriteError};

use self::images::ImageChange;
use self::patch::Patch;
use crate::manifest::ManifestError;
use crate::release::{Budgets, Rendered};

/// One post-renderer as it is written: patches, then images, as in a `kustomization.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KustomizeSpec {
    /// Patches, applied in order.
    pub patches: Vec<PatchSpec>,
    /// Images to be changed, in order, after the patches.
    pub images: Vec<ImageSpec>,
}

/// What is done to rendered objects, ready to be done.
#[derive(Debug, Clone, Default)]
pub struct PostRender {
    renderers: Vec<Renderer>,
    common: CommonMetadata,
}

/// Patches and images with their places in the list that they were read from.
#[derive(Debug, Clone, Default)]
struct Renderer {
    index: usize,
    patches: Vec<(usize, Patch)>,
    images: Vec<(usize, ImageChange)>,
}

/// Why rendered objects cannot be changed as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostRenderError {
    /// A patch is malformed.
    #[error("{field} is no patch")]
    Patch {
        /// The field: `spec.postRenderers[0].kustomize.patches[2].patch`.
        field: String,
        /// What is wrong.
        #[source]
        source: PatchError,
    },
    /// A patch's target is malformed.
    #[error("{field} is no selector")]
    Target {
        /// The field: `spec.postRenderers[0].kustomize.patches[2].target`.
        field: String,
        /// What is wrong.
        #[source]
        source: SelectorError,
    },
    /// An image's name is malformed: kustomize reads it as a regular expression.
    #[error("{field} is no name of an image")]
    ImageName {
        /// The field: `spec.postRenderers[0].kustomize.images[1].name`.
        field: String,
        /// What is wrong.
        #[source]
        source: PatternFault,
    },
    /// A list is longer than anybody writes.
    #[error("{field} has {length} items; more than {MAX_ITEMS} are not read")]
    TooMany {
        /// The field.
        field: String,
        /// The list's length.
        length: usize,
    },
    /// A patch without target names an object that is not there.
    #[error(
        "{field} is for {object}, and the chart renders none; check apiVersion, kind, name and namespace, or give a target"
    )]
    NoObject {
        /// The field.
        field: String,
        /// The object.
        object: String,
    },
    /// A patch without target names several objects.
    #[error("{field} is for {object}, and there are several; give a target")]
    SeveralObjects {
        /// The field.
        field: String,
        /// The object.
        object: String,
    },
    /// A patch does not fit an object.
    #[error("{field} cannot be applied to {object}")]
    PatchFault {
        /// The field: `spec.postRenderers[0].kustomize.patches[2]`.
        field: String,
        /// The object and its template.
        object: String,
        /// What is wrong.
        #[source]
        source: PatchFault,
    },
    /// Images of an object cannot be changed.
    #[error("{field} cannot be applied to {object}")]
    Image {
        /// The field: `spec.postRenderers[0].kustomize.images[1]`.
        field: String,
        /// The object and its template.
        object: String,
        /// What is wrong.
        #[source]
        source: ImageError,
    },
    /// An object cannot be labelled.
    #[error("spec.commonMetadata cannot be applied to {object}")]
    Metadata {
        /// The object and its template.
        object: String,
        /// What is wrong.
        #[source]
        source: MetadataError,
    },
    /// Two objects are one; patches could not tell them apart.
    #[error(
        "{object} is rendered by {first} and {second}; with spec.postRenderers each object, hooks included, must be rendered once"
    )]
    Duplicate {
        /// The object.
        object: String,
        /// A template.
        first: String,
        /// Another one, or the same.
        second: String,
    },
    /// A document cannot be post-rendered.
    #[error("an object of {path} has no {missing}, which spec.postRenderers and spec.commonMetadata need")]
    NotAnObject {
        /// The template.
        path: String,
        /// The field that is missing.
        missing: &'static str,
    },
    /// A document cannot be read.
    #[error("an object of {path} cannot be read")]
    Read {
        /// The template.
        path: String,
        /// What is wrong.
        #[source]
        source: ReadError,
    },
    /// A changed object cannot be printed.
    #[error("{object} cannot be printed after spec.postRenderers")]
    Print {
        /// The object and its template.
        object: String,
        /// What is wrong.
        #[source]
        source: WriteError,
    },
    /// A changed object is none any more.
    #[error("{object} is no object any more after spec.postRenderers")]
    Manifest {
        /// The object and its template.
        object: String,
        /// What is wrong.
        #[source]
        source: Box<ManifestError>,
    },
    /// A budget of the render is used up.
    #[error("spec.postRenderers and spec.commonMetadata were stopped")]
    Budget(#[from] OverBudget),
}

/// Renderers, patches of one, and images of one.
const MAX_ITEMS: usize = 1000;

impl PostRender {
    /// Reads what is to be done: renderers one after the other, and at last labels and annotations for all objects.
    ///
    /// # Errors
    /// If something is malformed or too large. The error names the field as `spec.postRenderers[0].kustomize.patches[2].patch`.
    pub fn parse(renderers: &[KustomizeSpec], common: CommonMetadata) -> Result<Self, PostRenderError> {
        check_length("spec.postRenderers", renderers.len())?;
        let renderers = renderers.iter().enumerate().map(|(index, spec)| Renderer::parse(index, spec));
        let renderers = renderers.collect::<Result<Vec<_>, _>>()?;
        let renderers = renderers
            .into_iter()
            .filter(|renderer| !renderer.patches.is_empty() || !renderer.images.is_empty());
        Ok(Self { renderers: renderers.collect(), common })
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.renderers.is_empty() && self.common.is_empty()
    }

    /// Changes the rendered objects. Its cost counts against budgets of the same size as those of the render.
    ///
    /// # Errors
    /// If a patch does not fit an object that it is for, or names one that is not there; if a budget is used up. The error names
    /// the field and the object.
    pub fn apply(&self, rendered: Rendered, budgets: &Budgets) -> Result<Rendered, PostRenderError> {
        if self.is_empty() { Ok(rendered) } else { run::run(self, rendered, budgets) }
    }
}

impl Renderer {
    fn parse(index: usize, spec: &KustomizeSpec) -> Result<Self, PostRenderError> {
        let mut renderer = Renderer { index, ..Renderer::default() };
        check_length(&renderer.field("patches", None), spec.patches.len())?;
        check_length(&renderer.field("images", None), spec.images.len())?;
        for (at, patch) in spec.patches.iter().enumerate() {
            let patch = Patch::parse(patch).map_err(|error| {
                let field = renderer.field("patches", Some(at));
                match error {
                    PatchError::Target(source) => {
                        PostRenderError::Target { field: format!("{field}.target"), source }
                    }
                    source => PostRenderError::Patch { field: format!("{field}.patch"), source },
                }
            })?;
            renderer.patches.extend(patch.map(|patch| (at, patch)));
        }
        for (at, image) in spec.images.iter().enumerate() {
            let image = ImageChange::parse(image).map_err(|source| PostRenderError::ImageName {
                field: format!("{}.name", renderer.field("images", Some(at))),
                source,
            })?;
            renderer.images.push((at, image));
        }
        Ok(renderer)
    }

    /// The field of a patch or an image.
    fn field(&self, list: &str, at: Option<usize>) -> String {
        let item = at.map(|at| format!("[{at}]")).unwrap_or_default();
        format!("spec.postRenderers[{}].kustomize.{list}{item}", self.index)
    }
}

fn check_length(field: &str, length: usize) -> Result<(), PostRenderError> {
    if length > MAX_ITEMS {
        return Err(PostRenderError::TooMany { field: field.to_owned(), length });
    }
    Ok(())
}
