//! The rules for Chart.yaml.

use go_yaml::Value;
use helm_chart::Fields;
use sprig::Version;

use crate::lint::address::{is_email, is_request_url, is_url};
use crate::lint::duplicates::duplicates;
use crate::lint::{Entry, Linter, Severity, chain, quoted};
use crate::shape::{Shape, Source, Struct, fault};

const FILE: &str = "Chart.yaml";

const TEXTS: Shape = Shape::List("[]string", &Shape::Text);

static METADATA: Shape = Shape::Struct(&Struct {
    name: "Metadata",
    go_type: "v2.Metadata",
    fields: &[
        ("name", Shape::Text),
        ("home", Shape::Text),
        ("sources", TEXTS),
        ("version", Shape::Text),
        ("description", Shape::Text),
        ("keywords", TEXTS),
        ("maintainers", Shape::List("[]*v2.Maintainer", &MAINTAINER)),
        ("icon", Shape::Text),
        ("apiVersion", Shape::Text),
        ("condition", Shape::Text),
        ("tags", Shape::Text),
        ("appVersion", Shape::Text),
        ("deprecated", Shape::Bool),
        ("annotations", Shape::TextMap),
        ("kubeVersion", Shape::Text),
        ("dependencies", Shape::List("[]*v2.Dependency", &DEPENDENCY)),
        ("type", Shape::Text),
    ],
});

static MAINTAINER: Shape = Shape::Struct(&Struct {
    name: "Maintainer",
    go_type: "v2.Maintainer",
    fields: &[("name", Shape::Text), ("email", Shape::Text), ("url", Shape::Text)],
});

static DEPENDENCY: Shape = Shape::Struct(&Struct {
    name: "Dependency",
    go_type: "v2.Dependency",
    fields: &[
        ("name", Shape::Text),
        ("version", Shape::Text),
        ("repository", Shape::Text),
        ("condition", Shape::Text),
        ("tags", TEXTS),
        ("enabled", Shape::Bool),
        ("import-values", Shape::List("[]interface {}", &Shape::Any)),
        ("alias", Shape::Text),
    ],
});

pub(super) fn check(linter: &mut Linter<'_>) {
    let bytes = match linter.entry(FILE) {
        Entry::File(bytes) => bytes,
        Entry::Folder => {
            linter.rule(Severity::Error, FILE, Some("should be a file, not a directory"));
            let path = format!("{}/{FILE}", linter.source.folder);
            return unreadable(linter, &format!("read {path}: is a directory"));
        }
        Entry::Missing => {
            let path = format!("{}/{FILE}", linter.source.folder);
            return unreadable(linter, &format!("open {path}: no such file or directory"));
        }
    };
    let value = match go_yaml::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => return unreadable(linter, &format!("error converting YAML to JSON: {error}")),
    };
    if let Some(fault) = fault(&value, &METADATA, Source::Yaml) {
        return unreadable(linter, &chain(&fault));
    }
    let strict =
        duplicates(bytes).or_else(|| fault(&value, &METADATA, Source::StrictYaml).map(|f| chain(&f)));
    let strict = strict.map(|text| format!("failed to strictly parse chart metadata file\n\t{text}"));
    linter.rule(Severity::Warning, FILE, strict);
    let Ok(fields) = Fields::of("Metadata", "v2.Metadata", &value) else { return };
    let metadata = Metadata { fields };
    for (severity, found) in [
        (Severity::Error, metadata.name()),
        (Severity::Error, metadata.api_version()),
        (Severity::Error, not_text(&value, "version")),
        (Severity::Error, metadata.version()),
        (Severity::Error, not_text(&value, "appVersion")),
        (Severity::Error, metadata.maintainers()),
        (Severity::Error, metadata.sources()),
        (Severity::Info, metadata.icon_presence()),
        (Severity::Error, metadata.icon_url()),
        (Severity::Error, metadata.chart_type()),
        (Severity::Error, metadata.dependencies()),
        (Severity::Warning, metadata.strict_version()),
    ] {
        linter.rule(severity, FILE, found);
    }
}

fn unreadable(linter: &mut Linter<'_>, why: &str) {
    linter.rule(Severity::Error, FILE, Some(format!("unable to parse YAML\n\t{why}")));
}

/// Chart.yaml as written, its types checked.
struct Metadata<'a> {
    fields: Fields<'a>,
}

type Found = Option<String>;

impl Metadata<'_> {
    fn text(&self, key: &str) -> String {
        text(&self.fields, key)
    }

    fn items(&self, key: &str) -> &[Value] {
        self.fields.get(key).and_then(Value::as_seq).unwrap_or_default()
    }

    fn is_v2(&self) -> bool {
        self.text("apiVersion") == "v2"
    }

    fn name(&self) -> Found {
        let name = self.text("name");
        if name.is_empty() {
            return Some("name is required".to_owned());
        }
        (base(&name) != name).then(|| format!("chart name {} is invalid", quoted(&name)))
    }

    fn api_version(&self) -> Found {
        const VALUES: &str = r#"The value must be either "v1" or "v2""#;
        match self.text("apiVersion").as_str() {
            "" => Some(format!("apiVersion is required. {VALUES}")),
            "v1" | "v2" => None,
            other => Some(format!("apiVersion '{other}' is not valid. {VALUES}")),
        }
    }

    fn version(&self) -> Found {
        let text = self.text("version");
        if text.is_empty() {
            return Some("version is required".to_owned());
        }
        const LOWEST: &str = "0.0.0-0";
        match (Version::parse(&text), Version::parse(LOWEST)) {
            (Ok(version), Ok(lowest)) if version.compare(&lowest).is_le() => {
                Some(format!("version {} is less than or equal to {LOWEST:?}", quoted(&version.to_string())))
            }
            (Ok(_), _) => None,
            (Err(_), _) => Some(format!("version '{text}' is not a valid SemVer")),
        }
    }

    fn strict_version(&self) -> Found {
        let version = self.text("version");
        (!is_strict(&version)).then(|| format!("version '{version}' is not a valid SemVerV2"))
    }

    fn maintainers(&self) -> Found {
        self.items("maintainers").iter().find_map(|maintainer| {
            if maintainer.is_null() {
                return Some("a maintainer entry is empty".to_owned());
            }
            let fields = Fields::of("Maintainer", "v2.Maintainer", maintainer).ok()?;
            let (name, email, url) = (text(&fields, "name"), text(&fields, "email"), text(&fields, "url"));
            if name.is_empty() {
                Some("each maintainer requires a name".to_owned())
            } else if !email.is_empty() && !is_email(&email) {
                Some(format!("invalid email '{email}' for maintainer '{name}'"))
            } else if !url.is_empty() && !is_url(&url) {
                Some(format!("invalid url '{url}' for maintainer '{name}'"))
            } else {
                None
            }
        })
    }

    fn sources(&self) -> Found {
        self.items("sources")
            .iter()
            .map(scalar_text)
            .find(|source| !is_request_url(source))
            .map(|source| format!("invalid source URL '{source}'"))
    }

    fn icon_presence(&self) -> Found {
        self.text("icon").is_empty().then(|| "icon is recommended".to_owned())
    }

    fn icon_url(&self) -> Found {
        let icon = self.text("icon");
        (!icon.is_empty() && !is_request_url(&icon)).then(|| format!("invalid icon URL '{icon}'"))
    }

    fn chart_type(&self) -> Found {
        (!self.text("type").is_empty() && !self.is_v2()).then(|| {
            format!(
                "chart type is not valid in apiVersion '{}'. It is valid in apiVersion 'v2'",
                self.text("apiVersion")
            )
        })
    }

    fn dependencies(&self) -> Found {
        (!self.items("dependencies").is_empty() && !self.is_v2()).then(|| {
            format!(
                "dependencies are not valid in the Chart file with apiVersion '{}'. They are valid in apiVersion 'v2'",
                self.text("apiVersion")
            )
        })
    }
}

fn text(fields: &Fields<'_>, key: &str) -> String {
    fields.string(key).ok().flatten().unwrap_or_default()
}

/// An item of a list of texts.
fn scalar_text(item: &Value) -> String {
    let map = Value::Map([("item".to_owned(), item.clone())].into());
    Fields::of("", "", &map).map(|fields| text(&fields, "item")).unwrap_or_default()
}

/// The last part of a path, as Go's `filepath.Base` has it.
fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { "/" } else { trimmed.rsplit('/').next().unwrap_or(trimmed) }
}

/// A field that YAML does not read as text, although it ends up as one.
fn not_text(value: &Value, key: &str) -> Found {
    let go_type = match value.as_map()?.get(key)? {
        Value::String(_) => return None,
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => "float64",
        Value::Seq(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
    };
    Some(format!("{key} should be of type string but it's of type {go_type}"))
}

/// Whether a version is one by the letter of semver 2: three numbers without zeros before them, and no `v`.
fn is_strict(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    core.split('.').count() == 3 && core.split('.').all(number) && Version::parse(text).is_ok()
}
