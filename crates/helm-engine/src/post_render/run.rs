//! Post-rendering: every object goes through all renderers before the next one is read, so that only one is held as a value.

use std::collections::HashMap;

use go_yaml::Value;

use super::document::{self, NoItems};
use super::images::ImageError;
use super::json_patch::{JsonPatch, JsonPatchError};
use super::metadata::{MetadataError, drop_empty_annotations, make_annotations_texts, map_at};
use super::meter::{Meter, Size};
use super::patch::{MergePatch, Patch, PatchFault};
use super::selector::{ObjectId, Selector, UNSTATED_NAMESPACE, scalar_text};
use super::{PostRender, PostRenderError, Renderer};
use crate::manifest::{self, Manifest, Sorted};
use crate::release::{Budgets, Rendered};

/// Objects with this annotation are for kustomize alone and are not installed, unless it is `false`.
const LOCAL: &str = "config.kubernetes.io/local-config";

pub(super) fn run(
    post_render: &PostRender,
    rendered: Rendered,
    budgets: &Budgets,
) -> Result<Rendered, PostRenderError> {
    // Values nest as deep as YAML may, and every level of a patch takes some frames.
    stacker::maybe_grow(STACK, STACK, || run_here(post_render, rendered, budgets))
}

/// The stack that the deepest object and patch need, with room to spare in an unoptimised build.
const STACK: usize = 8 << 20;

fn run_here(
    post_render: &PostRender,
    rendered: Rendered,
    budgets: &Budgets,
) -> Result<Rendered, PostRenderError> {
    let mut run = Run {
        meter: Meter::new(budgets),
        renderers: post_render.renderers.iter().map(Progress::new).collect(),
        post_render,
    };
    let Rendered { manifests, hooks, .. } = rendered;
    let mut documents: Vec<(String, String)> = Vec::with_capacity(manifests.len() + hooks.len());
    documents.extend(manifests.into_iter().map(|manifest| (manifest.path, manifest.content)));
    documents.extend(hooks.into_iter().map(|hook| (hook.path, hook.manifest)));
    // As Helm hands them over: file by file. Of one file, hooks come last here.
    documents.sort_by(|left, right| left.0.cmp(&right.0));
    let mut made = Vec::with_capacity(documents.len());
    for (path, text) in documents {
        run.document(&path, text, &mut made)?;
    }
    run.renderers.iter().try_for_each(Progress::finish)?;
    let Sorted { hooks, manifests, warnings } = manifest::sort(made);
    let mut all_warnings = rendered.warnings;
    all_warnings.extend(warnings);
    Ok(Rendered {
        manifests,
        hooks,
        notes: rendered.notes,
        crds: rendered.crds,
        chart: rendered.chart,
        warnings: all_warnings,
    })
}

struct Run<'r> {
    meter: Meter<'r>,
    renderers: Vec<Progress<'r>>,
    post_render: &'r PostRender,
}

/// What a renderer has come across.
struct Progress<'r> {
    renderer: &'r Renderer,
    /// The templates of the objects.
    seen: HashMap<ObjectId, String>,
    /// How many objects each of the patches without target was for, in their order.
    found: Vec<usize>,
}

impl<'r> Progress<'r> {
    fn new(renderer: &'r Renderer) -> Self {
        Self { renderer, seen: HashMap::new(), found: vec![0; named(renderer).count()] }
    }

    /// Each patch without target is for one object.
    fn finish(&self) -> Result<(), PostRenderError> {
        for ((at, patch), found) in named(self.renderer).zip(&self.found) {
            let field = || self.renderer.field("patches", Some(at));
            match found {
                0 => return Err(PostRenderError::NoObject { field: field(), object: patch.id.to_string() }),
                1 => {}
                _ => {
                    return Err(PostRenderError::SeveralObjects {
                        field: field(),
                        object: patch.id.to_string(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// The patches without target, and their places in the list of patches.
fn named(renderer: &Renderer) -> impl Iterator<Item = (usize, &MergePatch)> {
    renderer.patches.iter().flat_map(|(at, patch)| {
        let patches = match patch {
            Patch::Named(patches) => patches.as_slice(),
            Patch::Json { .. } | Patch::Chosen { .. } => &[],
        };
        patches.iter().map(|patch| (*at, patch))
    })
}

impl Run<'_> {
    /// Post-renders what is in a document.
    fn document(
        &mut self,
        path: &str,
        text: String,
        made: &mut Vec<Manifest>,
    ) -> Result<(), PostRenderError> {
        self.meter.check_interrupt()?;
        let read = |text: &str| {
            go_yaml::from_str(text).map_err(|source| PostRenderError::Read { path: path.to_owned(), source })
        };
        let value = read(&text)?;
        self.meter.steps(Size::of(&value).nodes)?;
        let is_list = match &value {
            // A document of comments is no object.
            Value::Null => return keep(path, text, made),
            Value::Map(map) => document::is_list(map),
            _ => false,
        };
        let missing = |missing| PostRenderError::NotAnObject { path: path.to_owned(), missing };
        for value in document::objects(value).map_err(|NoItems| missing("list of items"))? {
            let Some(object) = self.object(path, value)? else { continue };
            if !is_list && (!object.touched || read(&text)? == object.value) {
                return keep(path, text, made);
            }
            let shown = object.shown();
            let printed = go_yaml::to_string(&object.value)
                .map_err(|source| PostRenderError::Print { object: shown.clone(), source })?;
            self.meter.bytes(printed.len())?;
            let manifest = manifest::read(path, printed)
                .map_err(|source| PostRenderError::Manifest { object: shown, source: Box::new(source) })?;
            made.push(manifest);
        }
        Ok(())
    }

    /// Takes an object through all renderers; nothing if one of them leaves it out.
    fn object<'p>(&mut self, path: &'p str, value: Value) -> Result<Option<Object<'p>>, PostRenderError> {
        let Some(mut object) = Object::new(path, value)? else { return Ok(None) };
        for progress in &mut self.renderers {
            if !object.pass(progress, &mut self.meter)? {
                return Ok(None);
            }
        }
        let common = &self.post_render.common;
        if !common.is_empty() {
            object.touched = true;
            if let Err(error) = common.apply(&mut object.value, &mut self.meter) {
                return Err(match error {
                    MetadataError::Budget(over) => over.into(),
                    source => PostRenderError::Metadata { object: object.shown(), source },
                });
            }
        }
        Ok(Some(object))
    }
}

/// Keeps a document as it is.
fn keep(path: &str, text: String, made: &mut Vec<Manifest>) -> Result<(), PostRenderError> {
    let manifest = manifest::read(path, text).map_err(|source| PostRenderError::Manifest {
        object: format!("a document of {path}"),
        source: Box::new(source),
    })?;
    made.push(manifest);
    Ok(())
}

/// An object on its way.
struct Object<'p> {
    /// Its template.
    path: &'p str,
    value: Value,
    id: ObjectId,
    /// What it was called before JSON patches, the oldest first. Patches find it by these, too.
    before: Vec<ObjectId>,
    /// Whether something may have changed it.
    touched: bool,
}

impl<'p> Object<'p> {
    fn new(path: &'p str, value: Value) -> Result<Option<Self>, PostRenderError> {
        if value.as_map().is_some_and(|map| map.is_empty()) {
            return Ok(None);
        }
        let id = ObjectId::of(&value, UNSTATED_NAMESPACE);
        let object = Self { path, value, id, before: Vec::new(), touched: false };
        object.check()?;
        Ok(Some(object))
    }

    fn check(&self) -> Result<(), PostRenderError> {
        match document::missing(&self.value) {
            Some(missing) => Err(PostRenderError::NotAnObject { path: self.path.to_owned(), missing }),
            None => Ok(()),
        }
    }

    fn shown(&self) -> String {
        format!("{} ({})", self.id, self.path)
    }

    /// Takes the object through a renderer. False if it is left out.
    fn pass(&mut self, progress: &mut Progress<'_>, meter: &mut Meter<'_>) -> Result<bool, PostRenderError> {
        let renderer = progress.renderer;
        self.before.clear();
        if let Some(first) = progress.seen.insert(self.id.clone(), self.path.to_owned()) {
            return Err(PostRenderError::Duplicate {
                object: self.id.to_string(),
                first,
                second: self.path.to_owned(),
            });
        }
        let mut found = progress.found.iter_mut();
        for (at, patch) in &renderer.patches {
            let patched = self.patch(patch, &mut found, meter);
            let left = patched.map_err(|source| match source.over_budget() {
                Some(over) => PostRenderError::Budget(over),
                None => PostRenderError::PatchFault {
                    field: renderer.field("patches", Some(*at)),
                    object: self.shown(),
                    source,
                },
            })?;
            if !left {
                return Ok(false);
            }
        }
        for (at, image) in &renderer.images {
            let changed = image.apply(&mut self.value, meter).map_err(|error| match error {
                ImageError::Budget(over) => PostRenderError::Budget(over),
                source => PostRenderError::Image {
                    field: renderer.field("images", Some(*at)),
                    object: self.shown(),
                    source,
                },
            })?;
            self.touched |= changed;
        }
        if self.touched {
            make_annotations_texts(&mut self.value);
            drop_empty_annotations(&mut self.value);
        }
        self.check()?;
        let local = self.value.at(&["metadata", "annotations", LOCAL]);
        Ok(local.is_none_or(|local| scalar_text(local) == "false"))
    }

    /// Applies a patch if it is for the object. False if the patch deletes it. `found` counts for the patches without target from
    /// this one on.
    fn patch(
        &mut self,
        patch: &Patch,
        found: &mut std::slice::IterMut<'_, usize>,
        meter: &mut Meter<'_>,
    ) -> Result<bool, PatchFault> {
        meter.steps(1).map_err(JsonPatchError::from)?;
        match patch {
            Patch::Json { target, operations } if self.is_chosen(target) => {
                self.operate(operations, meter)?;
            }
            Patch::Chosen { target, merge } if self.is_chosen(target) => return self.merge(merge, meter),
            Patch::Json { .. } | Patch::Chosen { .. } => {}
            Patch::Named(patches) => {
                for (patch, count) in patches.iter().zip(found) {
                    if self.is_called(&patch.id) {
                        *count += 1;
                        if !self.merge(patch, meter)? {
                            return Ok(false);
                        }
                    }
                }
            }
        }
        Ok(true)
    }

    fn operate(&mut self, operations: &JsonPatch, meter: &mut Meter<'_>) -> Result<(), JsonPatchError> {
        self.before.push(self.id.clone());
        // kustomize keeps notes in annotations, so there is always a map to add some to.
        if let Some(metadata) = map_at(&mut self.value, "metadata") {
            let annotations = metadata.entry("annotations".to_owned()).or_default();
            if annotations.is_null() {
                *annotations = Value::Map(Default::default());
            }
        }
        operations.apply(&mut self.value, meter)?;
        make_annotations_texts(&mut self.value);
        self.changed();
        Ok(())
    }

    fn merge(&mut self, patch: &MergePatch, meter: &mut Meter<'_>) -> Result<bool, PatchFault> {
        let Some(value) = patch.apply(std::mem::take(&mut self.value), meter)? else { return Ok(false) };
        self.value = value;
        self.changed();
        Ok(true)
    }

    fn changed(&mut self) {
        self.touched = true;
        self.id = ObjectId::of(&self.value, UNSTATED_NAMESPACE);
    }

    /// Names and namespaces are those that the object has, and those that it had at first.
    fn is_chosen(&self, target: &Selector) -> bool {
        let first = self.before.first().unwrap_or(&self.id);
        target.chooses(&self.value, &[&first.name, &self.id.name], &[&first.namespace, &self.id.namespace])
    }

    fn is_called(&self, id: &ObjectId) -> bool {
        let had = |before: &ObjectId| {
            (&before.kind, &before.name, &before.namespace) == (&id.kind, &id.name, &id.namespace)
        };
        self.id.api_version == id.api_version && (self.id == *id || self.before.iter().any(had))
    }
}
