//! Chart.yaml.

use std::collections::{BTreeMap, HashSet};

use go_yaml::Value;
use sprig::Version;

use crate::decode::{Fields, WrongType};

/// What a chart is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartType {
    /// It can be installed; stated or, when `type` is missing, implied.
    Application,
    /// Its partials are used by other charts, and it cannot be installed.
    Library,
}

/// What Chart.yaml says. The texts are cleaned as Helm does: white space becomes a blank, what cannot be printed goes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metadata {
    /// `name`: not empty, neither `.` nor `..`, without `/`.
    pub name: String,
    /// `home`.
    pub home: String,
    /// `sources`.
    pub sources: Vec<String>,
    /// `version`: a semantic version, possibly with a leading `v` or without its last parts.
    pub version: String,
    /// `description`.
    pub description: String,
    /// `keywords`.
    pub keywords: Vec<String>,
    /// `maintainers`.
    pub maintainers: Vec<Maintainer>,
    /// `icon`.
    pub icon: String,
    /// `apiVersion`; `v1` if the file does not state it.
    pub api_version: String,
    /// `condition`.
    pub condition: String,
    /// `tags`.
    pub tags: String,
    /// `appVersion`.
    pub app_version: String,
    /// `deprecated`.
    pub deprecated: bool,
    /// `annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `kubeVersion`: the range of Kubernetes versions that the chart is for.
    pub kube_version: String,
    /// `dependencies`, of a v1 chart those in requirements.yaml.
    pub dependencies: Vec<Dependency>,
    /// `type` as written: empty, `application` or `library`.
    pub type_text: String,
    /// `type`.
    pub chart_type: ChartType,
}

/// A person or organisation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Maintainer {
    /// `name`.
    pub name: String,
    /// `email`.
    pub email: String,
    /// `url`.
    pub url: String,
}

/// A chart that another depends on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dependency {
    /// `name`; once the dependencies are processed, the alias if there is one.
    pub name: String,
    /// `version`: a range.
    pub version: String,
    /// `repository`.
    pub repository: String,
    /// `condition`: paths into the values, separated by commas; the first that leads to a boolean decides.
    pub condition: String,
    /// `tags`: names below `tags` in the values.
    pub tags: Vec<String>,
    /// Whether it takes part; the file's `enabled` is overwritten when the dependencies are processed.
    pub enabled: bool,
    /// `import-values`: each a name below the dependency's `exports`, or a map with `child` and `parent`.
    pub import_values: Vec<Value>,
    /// `alias`: letters, digits, `_` and `-`.
    pub alias: String,
}

/// What is wrong with Chart.yaml. The texts are Helm's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMetadata {
    /// A field that must be given is missing.
    #[error("validation: chart.metadata.{0} is required")]
    Required(&'static str),
    /// A name that is a path's `.` or `..`.
    #[error("validation: chart.metadata.name {0:?} is not allowed")]
    NameNotAllowed(String),
    /// A name that is a path.
    #[error("validation: chart.metadata.name {0:?} is invalid")]
    Name(String),
    /// A version that is no semantic version.
    #[error("validation: chart.metadata.version {0:?} is invalid")]
    Version(String),
    /// An unknown type.
    #[error("validation: chart.metadata.type must be application or library")]
    Type,
    /// An empty entry in a list.
    #[error("validation: {0} must not contain empty or null nodes")]
    EmptyEntry(&'static str),
    /// An alias with characters that it must not have.
    #[error("validation: dependency {0:?} has disallowed characters in the alias")]
    Alias(String),
    /// Two dependencies of one name.
    #[error("validation: more than one dependency with name or alias {0:?}")]
    Duplicate(String),
}

impl Metadata {
    /// Reads the fields of Chart.yaml.
    pub(crate) fn decode(value: &Value) -> Result<Self, MetadataError> {
        let mut metadata = Self::empty();
        metadata.update(value)?;
        if metadata.api_version.is_empty() {
            metadata.api_version = "v1".into();
        }
        Ok(metadata)
    }

    fn empty() -> Self {
        let text = String::new;
        Self {
            name: text(),
            home: text(),
            sources: Vec::new(),
            version: text(),
            description: text(),
            keywords: Vec::new(),
            maintainers: Vec::new(),
            icon: text(),
            api_version: text(),
            condition: text(),
            tags: text(),
            app_version: text(),
            deprecated: false,
            annotations: BTreeMap::new(),
            kube_version: text(),
            dependencies: Vec::new(),
            type_text: text(),
            chart_type: ChartType::Application,
        }
    }

    /// Overwrites the fields that `value` has; requirements.yaml is read so, over Chart.yaml.
    pub(crate) fn update(&mut self, value: &Value) -> Result<(), MetadataError> {
        let fields = Fields::of("Metadata", "v2.Metadata", value)?;
        for (key, text) in [
            ("name", &mut self.name),
            ("home", &mut self.home),
            ("version", &mut self.version),
            ("description", &mut self.description),
            ("icon", &mut self.icon),
            ("apiVersion", &mut self.api_version),
            ("condition", &mut self.condition),
            ("tags", &mut self.tags),
            ("appVersion", &mut self.app_version),
            ("kubeVersion", &mut self.kube_version),
            ("type", &mut self.type_text),
        ] {
            replace(text, fields.string(key)?);
        }
        replace(&mut self.sources, fields.strings("sources")?);
        replace(&mut self.keywords, fields.strings("keywords")?);
        replace(&mut self.deprecated, fields.boolean("deprecated")?);
        replace(&mut self.annotations, fields.string_map("annotations")?);
        if let Some(items) = fields.list("maintainers", "[]*v2.Maintainer")? {
            self.maintainers = items.iter().map(Maintainer::decode).collect::<Result<_, _>>()?;
        }
        if let Some(items) = fields.list("dependencies", "[]*v2.Dependency")? {
            self.dependencies = items.iter().map(Dependency::decode).collect::<Result<_, _>>()?;
        }
        Ok(())
    }

    /// Cleans the texts and checks the rules.
    pub(crate) fn validate(mut self) -> Result<Self, InvalidMetadata> {
        for text in [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ] {
            *text = printable(text);
        }
        self.sources.iter_mut().chain(&mut self.keywords).for_each(|text| *text = printable(text));
        if self.name.is_empty() {
            return Err(InvalidMetadata::Required("name"));
        }
        if self.name == "." || self.name == ".." {
            return Err(InvalidMetadata::NameNotAllowed(self.name));
        }
        if self.name.contains('/') {
            return Err(InvalidMetadata::Name(self.name));
        }
        if self.version.is_empty() {
            return Err(InvalidMetadata::Required("version"));
        }
        if Version::parse(&self.version).is_err() {
            return Err(InvalidMetadata::Version(self.version));
        }
        self.chart_type = match self.type_text.as_str() {
            "" | "application" => ChartType::Application,
            "library" => ChartType::Library,
            _ => return Err(InvalidMetadata::Type),
        };
        self.check_dependencies()?;
        Ok(self)
    }

    fn check_dependencies(&self) -> Result<(), InvalidMetadata> {
        let mut names = HashSet::new();
        for dependency in &self.dependencies {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if !dependency.alias.chars().all(allowed) {
                return Err(InvalidMetadata::Alias(dependency.name.clone()));
            }
            let name = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
            if !names.insert(name) {
                return Err(InvalidMetadata::Duplicate(name.clone()));
            }
        }
        Ok(())
    }
}

/// Why Chart.yaml or requirements.yaml could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataError {
    /// A field has a value of another type.
    #[error(transparent)]
    WrongType(#[from] WrongType),
    /// A rule is broken that holds for the entries of lists.
    #[error(transparent)]
    Invalid(#[from] InvalidMetadata),
}

impl Maintainer {
    fn decode(value: &Value) -> Result<Self, MetadataError> {
        if value.is_null() {
            return Err(InvalidMetadata::EmptyEntry("maintainers").into());
        }
        let fields =
            Fields::of("Maintainer.maintainers", "v2.Maintainer", value).map_err(in_list("maintainers"))?;
        let text = |key| fields.string(key).map(|text| printable(&text.unwrap_or_default()));
        Ok(Self { name: text("name")?, email: text("email")?, url: text("url")? })
    }
}

impl Dependency {
    fn decode(value: &Value) -> Result<Self, MetadataError> {
        if value.is_null() {
            return Err(InvalidMetadata::EmptyEntry("dependencies").into());
        }
        let fields =
            Fields::of("Dependency.dependencies", "v2.Dependency", value).map_err(in_list("dependencies"))?;
        let text = |key| fields.string(key).map(|text| printable(&text.unwrap_or_default()));
        let tags = fields.strings("tags")?.unwrap_or_default();
        Ok(Self {
            name: text("name")?,
            version: text("version")?,
            repository: text("repository")?,
            condition: text("condition")?,
            tags: tags.iter().map(|tag| printable(tag)).collect(),
            enabled: fields.boolean("enabled")?.unwrap_or_default(),
            import_values: fields.list("import-values", "[]interface {}")?.unwrap_or_default().to_vec(),
            alias: fields.string("alias")?.unwrap_or_default(),
        })
    }
}

/// The place of a list's entry in an error.
fn in_list(list: &'static str) -> impl Fn(WrongType) -> WrongType {
    move |error| WrongType { place: format!("struct field Metadata.{list}"), ..error }
}

fn replace<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

/// White space becomes a blank; control, format and private-use characters go.
fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
                | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
    };
    let clean = |c: char| if c.is_whitespace() { Some(' ') } else { (!hidden(c)).then_some(c) };
    text.chars().filter_map(clean).collect()
}
