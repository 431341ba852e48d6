//! [`TemplateSet`]: parsed templates that can call each other by name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Error;
use crate::names::FunctionNames;
use crate::parse::{self, Names, Tree};

/// A set of parsed templates. Immutable while it runs, `Send` and `Sync`: parse once, keep it (in an `Arc`), run it on
/// any thread with an [`Executor`](crate::Executor) of that thread's.
///
/// ```
/// use go_template::TemplateSet;
/// let mut set = TemplateSet::new(["include", "toYaml"]);
/// set.parse("chart/templates/_helpers.tpl", r#"{{ define "name" }}web{{ end }}"#)?;
/// set.parse("chart/templates/svc.yaml", r#"name: {{ template "name" . }}"#)?;
/// assert!(set.contains("name"));
/// # Ok::<(), go_template::Error>(())
/// ```
#[derive(Clone, Default, Debug)]
pub struct TemplateSet {
    name: String,
    functions: Arc<FunctionNames>,
    templates: HashMap<Arc<str>, Arc<Tree>>,
    names: Names,
}

impl TemplateSet {
    /// An empty set whose templates may call the functions named, besides the built-in ones.
    pub fn new<S: Into<String>>(functions: impl IntoIterator<Item = S>) -> Self {
        TemplateSet {
            name: String::new(),
            functions: Arc::new(FunctionNames::new(functions)),
            templates: HashMap::new(),
            names: Names::default(),
        }
    }

    /// Names the set's root template, as `template.New` does in Go: error texts mention it (`no template "x"
    /// associated with template "gotpl"`).
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The name of the root template; empty if none was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Parses `text` as the template `name` and adds it and the templates it defines. A definition replaces an
    /// earlier one of its name, unless it is empty (only space and comments); twice in one text is an error (both
    /// Go's rules).
    ///
    /// # Errors
    /// [`ErrorKind::Parse`](crate::ErrorKind::Parse) with Go's text; the set is unchanged then.
    pub fn parse(&mut self, name: &str, text: impl AsRef<[u8]>) -> Result<(), Error> {
        let trees = parse::parse(name, text.as_ref().into(), &self.functions, &mut self.names)?;
        self.add(trees);
        Ok(())
    }

    /// Like [`TemplateSet::parse`], of a text that is not copied.
    ///
    /// # Errors
    /// As [`TemplateSet::parse`].
    pub fn parse_shared(&mut self, name: &str, text: Arc<[u8]>) -> Result<(), Error> {
        let trees = parse::parse(name, text, &self.functions, &mut self.names)?;
        self.add(trees);
        Ok(())
    }

    fn add(&mut self, trees: Vec<Tree>) {
        for tree in trees {
            match self.templates.get(&tree.name) {
                Some(_) if tree.empty => {}
                _ => {
                    self.templates.insert(tree.name.clone(), Arc::new(tree));
                }
            }
        }
    }

    /// Whether there is a template `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.templates.contains_key(name)
    }

    /// The names of the templates, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.templates.keys().map(|name| &**name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Tree>> {
        self.templates.get(name)
    }

    pub(crate) fn functions(&self) -> &FunctionNames {
        &self.functions
    }
}
