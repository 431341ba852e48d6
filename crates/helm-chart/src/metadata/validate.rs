//! The rules that hold for Chart.yaml (`helm.sh/helm/v4/pkg/chart/v2`, `Validate`).

use std::collections::HashSet;

use go_template::unicode::is_print;
use sprig::Version;

use super::fields::{RawDependency, RawMetadata};
use super::{ChartType, Dependency, InvalidMetadata, Maintainer, Metadata};

impl RawMetadata {
    /// Cleans the texts and checks the rules, in Helm's order.
    pub(crate) fn validate(self) -> Result<Metadata, InvalidMetadata> {
        let name = checked_name(&self.api_version, printable(&self.name))?;
        let version = checked_version(self.version)?;
        let chart_type = match self.type_text.as_str() {
            "" | "application" => ChartType::Application,
            "library" => ChartType::Library,
            _ => return Err(InvalidMetadata::Type),
        };
        let maintainers = self.maintainers.into_iter().map(|maintainer| {
            let maintainer = maintainer.ok_or(InvalidMetadata::EmptyEntry("maintainers"))?;
            Ok(Maintainer {
                name: printable(&maintainer.name),
                email: printable(&maintainer.email),
                url: printable(&maintainer.url),
            })
        });
        let maintainers = maintainers.collect::<Result<_, _>>()?;
        let states_dependencies = self.dependencies.is_some();
        let dependencies = checked_dependencies(self.dependencies.unwrap_or_default())?;
        Ok(Metadata {
            name,
            home: printable(&self.home),
            sources: all_printable(&self.sources),
            version,
            description: printable(&self.description),
            keywords: all_printable(&self.keywords),
            maintainers,
            icon: printable(&self.icon),
            api_version: self.api_version,
            condition: printable(&self.condition),
            tags: printable(&self.tags),
            app_version: printable(&self.app_version),
            deprecated: self.deprecated,
            annotations: self.annotations,
            kube_version: printable(&self.kube_version),
            dependencies,
            states_dependencies,
            type_text: self.type_text,
            chart_type,
        })
    }
}

fn checked_name(api_version: &str, name: String) -> Result<String, InvalidMetadata> {
    if api_version.is_empty() {
        // A chart without Chart.yaml and with the old requirements.yaml.
        return Err(InvalidMetadata::Required("apiVersion"));
    }
    if name.is_empty() {
        return Err(InvalidMetadata::Required("name"));
    }
    if name == "." || name == ".." {
        return Err(InvalidMetadata::NameNotAllowed(name));
    }
    // Helm takes the name "/", which is its own base name.
    if name.contains('/') {
        return Err(InvalidMetadata::Name(name));
    }
    Ok(name)
}

fn checked_version(version: String) -> Result<String, InvalidMetadata> {
    if version.is_empty() {
        return Err(InvalidMetadata::Required("version"));
    }
    if Version::parse(&version).is_err() {
        return Err(InvalidMetadata::Version(version));
    }
    Ok(version)
}

fn checked_dependencies(raw: Vec<Option<RawDependency>>) -> Result<Vec<Dependency>, InvalidMetadata> {
    let mut names = HashSet::new();
    let mut dependencies = Vec::new();
    for dependency in raw {
        let dependency = dependency.ok_or(InvalidMetadata::EmptyEntry("dependencies"))?.cleaned();
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !dependency.alias.chars().all(allowed) {
            return Err(InvalidMetadata::Alias(dependency.name));
        }
        let name = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
        if !names.insert(name.clone()) {
            return Err(InvalidMetadata::Duplicate(name.clone()));
        }
        dependencies.push(dependency);
    }
    Ok(dependencies)
}

impl RawDependency {
    fn cleaned(self) -> Dependency {
        Dependency {
            name: printable(&self.name),
            version: printable(&self.version),
            repository: printable(&self.repository),
            condition: printable(&self.condition),
            tags: all_printable(&self.tags),
            enabled: self.enabled,
            import_values: self.import_values,
            alias: self.alias,
        }
    }
}

fn all_printable(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| printable(text)).collect()
}

/// White space becomes a blank; what cannot be printed goes (Helm's `sanitizeString`).
fn printable(text: &str) -> String {
    let clean = |c: char| if c.is_whitespace() { Some(' ') } else { is_print(c).then_some(c) };
    text.chars().filter_map(clean).collect()
}
