//! The classes of templates that are compared: folders of `beside-go/bench`, each with templates and one data.json.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::protocol::{File, Request};

/// The classes, by the names of their folders.
pub(super) const CLASSES: [&str; 5] =
    ["text-heavy", "logic-heavy", "include-heavy", "toYaml-heavy", "tpl-heavy"];

/// How many sub-templates the class of `tpl` runs; the others show that time grows no faster than their number.
pub(super) const SUB_TEMPLATES: [usize; 3] = [25, 50, 100];

/// Templates and the data they are executed with.
pub(super) struct Case {
    /// Its name in tables and figures.
    pub(super) name: String,
    /// The templates.
    pub(super) files: Vec<File>,
    /// The data, whole.
    pub(super) data: Value,
}

impl Case {
    /// The case of a class.
    pub(super) fn of_class(class: &str) -> anyhow::Result<Case> {
        let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "bench", class].iter().collect();
        let mut case = read(class, &folder).with_context(|| format!("cannot read {}", folder.display()))?;
        case.with_parts(SUB_TEMPLATES[0]);
        Ok(case)
    }

    /// The class of `tpl` with so many sub-templates.
    pub(super) fn of_sub_templates(count: usize) -> anyhow::Result<Case> {
        let mut case = Case::of_class("tpl-heavy")?;
        case.name = format!("tpl of {count}");
        case.with_parts(count);
        Ok(case)
    }

    /// Nothing at all, which shows what a process takes before it does anything.
    pub(super) fn empty() -> Case {
        let file = File { name: "empty".to_owned(), text: String::new() };
        Case { name: "empty".to_owned(), files: vec![file], data: json!({}) }
    }

    /// All templates of these cases as one.
    pub(super) fn all(cases: &[Case]) -> Case {
        let of = |case: &Case, file: &File| File {
            name: format!("{}/{}", case.name, file.name),
            text: file.text.clone(),
        };
        let files = cases.iter().flat_map(|case| case.files.iter().map(move |file| of(case, file))).collect();
        Case { name: "parse".to_owned(), files, data: json!({}) }
    }

    /// What loads it.
    pub(super) fn load(&self) -> Request {
        Request::Load { files: self.files.clone(), data: self.data.clone() }
    }

    /// How long the templates are.
    pub(super) fn template_bytes(&self) -> usize {
        self.files.iter().map(|file| file.text.len()).sum()
    }

    /// Makes `.Values.parts` from `.Values.shapes`, if there are any: templates that all differ.
    fn with_parts(&mut self, count: usize) {
        let shapes: Vec<String> = match self.data.pointer("/Values/shapes").and_then(Value::as_array) {
            Some(shapes) => shapes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => return,
        };
        let part = |(number, shape): (usize, &String)| shape.replace('@', &number.to_string());
        let parts: Vec<String> = shapes.iter().cycle().take(count).enumerate().map(part).collect();
        self.data["Values"]["parts"] = parts.into();
    }
}

fn read(class: &str, folder: &Path) -> anyhow::Result<Case> {
    let (mut files, mut data) = (Vec::new(), Value::Null);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "data.json" {
            data = serde_json::from_str(&text)?;
        } else {
            files.push(File { name, text });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Case { name: class.to_owned(), files, data })
}
