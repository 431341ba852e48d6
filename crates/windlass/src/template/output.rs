//! What is printed, and what `--output-dir` writes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{BufWriter, Write};

use helm_engine::{Hook, Rendered};

use super::{TemplateError, show_only};
use crate::command::chain;
use crate::console::Console;
use crate::disk::{self, OutputError};
use crate::flags::Parsed;

/// The bytes that are gathered before they are written.
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// The output of one command.
pub(super) struct Output<'a, 'p> {
    pub(super) flags: &'a Parsed,
    pub(super) console: &'a mut Console<'p>,
    pub(super) release: &'a str,
}

impl Output<'_, '_> {
    /// Prints a render.
    pub(super) fn rendered(&mut self, rendered: &Rendered) -> Result<(), TemplateError> {
        let objects = self.objects(rendered)?;
        let mut hooks = String::new();
        if !self.flags.on("no-hooks") {
            for hook in &rendered.hooks {
                if self.is_wanted(hook) {
                    self.hook(hook, &mut hooks)?;
                }
            }
        }
        if self.flags.list("show-only").is_empty() {
            return Ok(self.pieces(&objects, &hooks)?);
        }
        self.show(&format!("{}\n{hooks}", objects.concat()))
    }

    /// Prints what may be large without making one text of it.
    fn pieces(&mut self, objects: &[Cow<'_, str>], hooks: &str) -> std::io::Result<()> {
        let mut out = BufWriter::with_capacity(WRITTEN_AT_ONCE, &mut *self.console.out);
        for piece in objects {
            out.write_all(piece.as_bytes())?;
        }
        out.write_all(b"\n")?;
        out.write_all(hooks.as_bytes())?;
        out.flush()
    }

    /// Prints what there is of a render that failed, and then gives its error.
    pub(super) fn failed(&mut self, manifest: &str, error: TemplateError) -> Result<(), TemplateError> {
        match self.show(&format!("{}\n", manifest.trim())) {
            Ok(()) | Err(TemplateError::NoSuchTemplate(_)) => Err(error),
            other => other,
        }
    }

    fn is_wanted(&self, hook: &Hook) -> bool {
        !(self.flags.on("skip-tests") && hook.events.iter().any(|event| event == "test"))
    }

    fn output_dir(&self) -> Option<&str> {
        self.flags.text("output-dir").filter(|folder| !folder.is_empty())
    }

    /// The folder of the objects' files.
    fn objects_dir(&self) -> Option<String> {
        let folder = self.output_dir()?;
        if !self.flags.on("release-name") {
            return Some(folder.to_owned());
        }
        Some(std::path::Path::new(folder).join(self.release).to_string_lossy().into_owned())
    }

    /// The custom resource definitions and the objects; or nothing, if they go to files.
    fn objects<'r>(&mut self, rendered: &'r Rendered) -> Result<Vec<Cow<'r, str>>, TemplateError> {
        let crds = if self.flags.on("include-crds") { rendered.crds.as_slice() } else { &[] };
        let Some(folder) = self.objects_dir() else {
            let crds =
                crds.iter().map(|crd| document(&crd.path, &String::from_utf8_lossy(&crd.file.data)).into());
            return Ok(trimmed(crds.chain(rendered.manifest_parts().map(Cow::Borrowed)).collect()));
        };
        // Helm takes what cannot be written for a part of rendering.
        let unrendered = |error: OutputError| TemplateError::Unrendered(chain(&error));
        let mut written = HashSet::new();
        let crds_folder = self.output_dir().unwrap_or_default().to_owned();
        for crd in crds {
            let text = String::from_utf8_lossy(&crd.file.data);
            self.write(&crds_folder, &crd.path, &text, !written.insert(&crd.path)).map_err(unrendered)?;
        }
        for object in &rendered.manifests {
            let again = !written.insert(&object.path);
            self.write(&folder, &object.path, &object.content, again).map_err(unrendered)?;
        }
        Ok(Vec::new())
    }

    fn hook(&mut self, hook: &Hook, text: &mut String) -> Result<(), TemplateError> {
        let Some(folder) = self.objects_dir() else {
            text.push_str(&document(&hook.path, &hook.manifest));
            return Ok(());
        };
        // Helm adds to a file that is there, even to one of an earlier run.
        let exists = disk::is_folder(&std::path::Path::new(&folder).join(&hook.path)).is_some();
        Ok(self.write(&folder, &hook.path, &hook.manifest, exists)?)
    }

    fn write(&mut self, folder: &str, path: &str, text: &str, again: bool) -> Result<(), OutputError> {
        let text = document(path, text);
        let write = if again { disk::append } else { disk::create };
        let written = write(folder, path, text.as_bytes())?;
        // What cannot be said of the file is no reason not to write the others.
        let _ = self.console.print(&format!("wrote {written}\n"));
        Ok(())
    }

    /// Prints the text, or the documents that `--show-only` names.
    fn show(&mut self, text: &str) -> Result<(), TemplateError> {
        let patterns = self.flags.list("show-only");
        if patterns.is_empty() {
            return Ok(self.console.print(text)?);
        }
        let missing = |pattern: &str| TemplateError::NoSuchTemplate(pattern.to_owned());
        for document in show_only::select(text, patterns).map_err(missing)? {
            self.console.print(&format!("---\n{document}\n"))?;
        }
        Ok(())
    }
}

/// The pieces without the blanks that they end with. They begin with none.
fn trimmed(mut pieces: Vec<Cow<'_, str>>) -> Vec<Cow<'_, str>> {
    while let Some(last) = pieces.pop() {
        let length = last.trim_end().len();
        if length > 0 {
            pieces.push(match last {
                Cow::Borrowed(text) => Cow::Borrowed(&text[..length]),
                Cow::Owned(text) => Cow::Owned(text[..length].to_owned()),
            });
            break;
        }
    }
    pieces
}

fn document(path: &str, text: &str) -> String {
    format!("---\n# Source: {path}\n{text}\n")
}
