//! A schema's document into nodes.

mod keywords;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use go_yaml::Value;

use super::document::{self, Draft, Lies, built_in, escaped, is_meta, join, location, lookup, split};
use super::limits::{Budget, LimitReached, MAX_NODES};
use super::meta;
use super::node::{Id, Node};
use super::pattern::Pattern;
use super::{CompileError, printed};

use keywords::Keywords;

/// A schema that values can be checked by.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Id,
}

/// Compiles the document at `url`: the schema itself, `own`, or a built-in one if there is none.
pub(super) fn compile(
    url: &str,
    own: Option<&Value>,
    asserts_formats: bool,
    budget: &Budget,
) -> Result<Compiled, CompileError> {
    let mut compiler = Compiler {
        own: own.map(|document| (url, document)),
        asserts_formats,
        budget,
        documents: HashMap::new(),
        nodes: Vec::new(),
        places: Vec::new(),
        ids: HashMap::new(),
        patterns: HashMap::new(),
    };
    let root = compiler.node(Place { url: url.to_owned(), pointer: String::new() })?;
    let mut next = 0;
    while next < compiler.nodes.len() {
        compiler.compile_node(next)?;
        next += 1;
    }
    Ok(Compiled { nodes: compiler.nodes, root })
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    url: String,
    pointer: String,
}

impl Place {
    fn below(&self, tokens: &[&str]) -> Self {
        let mut pointer = self.pointer.clone();
        for token in tokens {
            pointer.push('/');
            pointer.push_str(&escaped(token));
        }
        Self { url: self.url.clone(), pointer }
    }

    fn location(&self) -> String {
        location(&self.url, &self.pointer)
    }
}

/// A document and the schemas in it that have URLs of their own.
#[derive(Debug)]
struct Document<'v> {
    value: &'v Value,
    /// By their pointers.
    resources: BTreeMap<String, Resource>,
    /// Pointers of the schemas whose identifiers and anchors are known.
    known: HashSet<String>,
}

/// A schema with a URL of its own.
#[derive(Debug)]
struct Resource {
    id: String,
    draft: Draft,
    /// Pointers by anchor.
    anchors: BTreeMap<String, String>,
    dynamic_anchors: Vec<String>,
}

struct Compiler<'v> {
    own: Option<(&'v str, &'v Value)>,
    asserts_formats: bool,
    budget: &'v Budget,
    documents: HashMap<String, Document<'v>>,
    nodes: Vec<Node>,
    /// Of each node.
    places: Vec<Place>,
    ids: HashMap<Place, Id>,
    patterns: HashMap<String, Pattern>,
}

type Step<T = ()> = Result<T, CompileError>;

impl<'v> Compiler<'v> {
    /// The node of a place, which is compiled later.
    fn node(&mut self, place: Place) -> Step<Id> {
        if let Some(id) = self.ids.get(&place) {
            return Ok(*id);
        }
        if self.nodes.len() == MAX_NODES {
            return Err(LimitReached::Nodes.into());
        }
        // A long name is part of the pointer of all that is below it.
        self.budget.spend(place.pointer.len())?;
        let id = self.nodes.len();
        self.nodes.push(Node { location: place.location(), ..Node::default() });
        self.places.push(place.clone());
        self.ids.insert(place, id);
        Ok(id)
    }

    /// Makes the document at `url` known.
    fn load(&mut self, url: &str) -> Step {
        if self.documents.contains_key(url) {
            return Ok(());
        }
        let value = match self.own {
            Some((own_url, document)) if own_url == url => document,
            _ => built_in(url).ok_or_else(|| CompileError::Remote(url.to_owned()))?,
        };
        let document = Document { value, resources: BTreeMap::new(), known: HashSet::new() };
        self.documents.insert(url.to_owned(), document);
        self.collect(url, value, url, "", Draft::default())?;
        if !is_meta(url) {
            self.check_by_meta_schema(url, "", value)?;
        }
        Ok(())
    }

    fn check_by_meta_schema(&self, url: &str, pointer: &str, value: &Value) -> Step {
        let Some(document) = self.documents.get(url) else { return Ok(()) };
        let draft = resource_of(document, pointer).1.draft;
        match meta::check(draft, value, self.budget)? {
            None => Ok(()),
            Some(failures) => {
                let (text, pointers) = printed(&failures);
                let location = location(url, pointer);
                Err(CompileError::Invalid { location, draft_url: draft.url(), text, pointers })
            }
        }
    }

    /// Finds the identifiers and anchors in the schema at `pointer` of the document `url`.
    fn collect(&mut self, url: &str, schema: &'v Value, base: &str, pointer: &str, fallback: Draft) -> Step {
        let Some(document) = self.documents.get_mut(url) else { return Ok(()) };
        self.budget.spend(1 + document.resources.len() + pointer.len() + base.len() / 16)?;
        if !document.known.insert(pointer.to_owned()) {
            return Ok(());
        }
        let resource = |id: &str, draft| Resource {
            id: id.to_owned(),
            draft,
            anchors: BTreeMap::new(),
            dynamic_anchors: Vec::new(),
        };
        let Value::Map(object) = schema else {
            if pointer.is_empty() {
                document.resources.insert(String::new(), resource(base, fallback));
            }
            return Ok(());
        };
        let mut draft = draft_of(object, fallback)?;
        let mut id = id_of(object, draft);
        if id.is_none() && !pointer.is_empty() {
            draft = fallback;
            id = id_of(object, draft);
        }
        let base = match id {
            Some(id) => {
                self.budget.spend(base.len() + id.len())?;
                Cow::Owned(join(base, id).map_err(|_| CompileError::Id(location(url, pointer)))?.0)
            }
            None => Cow::Borrowed(base),
        };
        if id.is_some() || pointer.is_empty() {
            let taken = document.resources.iter().find(|(_, resource)| resource.id == base);
            match taken {
                Some((other, _)) if other != pointer => {
                    return Err(CompileError::DuplicateId { id: base.into_owned(), url: url.to_owned() });
                }
                _ => {
                    document.resources.insert(pointer.to_owned(), resource(&base, draft));
                }
            }
        }
        let Some(owner) = document.resources.values_mut().find(|resource| resource.id == base) else {
            return Ok(());
        };
        collect_anchors(object, url, pointer, owner)?;
        let owner_draft = owner.draft;
        for (keyword, lies) in draft.subschemas() {
            let Some(value) = object.get(keyword) else { continue };
            let at = format!("{pointer}/{}", escaped(keyword));
            match (lies, value) {
                (Lies::Itself, value) => self.collect(url, value, &base, &at, owner_draft)?,
                (Lies::InList, Value::Seq(items)) => {
                    for (index, item) in items.iter().enumerate() {
                        self.collect(url, item, &base, &format!("{at}/{index}"), owner_draft)?;
                    }
                }
                (Lies::InMap, Value::Map(map)) => {
                    for (key, item) in map {
                        self.collect(url, item, &base, &format!("{at}/{}", escaped(key)), owner_draft)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes a schema known that lies where no keyword of its draft has schemas.
    fn ensure_known(&mut self, place: &Place) -> Step<&'v Value> {
        self.load(&place.url)?;
        let not_found = || CompileError::NotFound(place.location());
        let document = self.documents.get(&place.url).ok_or_else(not_found)?;
        self.budget.spend(1 + place.pointer.len() / 16)?;
        let value = lookup(document.value, &place.pointer).ok_or_else(not_found)?;
        if !document.known.contains(&place.pointer) {
            let (_, resource) = resource_of(document, &place.pointer);
            let (base, draft) = (resource.id.clone(), resource.draft);
            self.collect(&place.url, value, &base, &place.pointer, draft)?;
            self.check_by_meta_schema(&place.url, &place.pointer, value)?;
        }
        Ok(value)
    }

    fn compile_node(&mut self, id: Id) -> Step {
        self.budget.spend(10)?;
        let place = self.places[id].clone();
        let value = self.ensure_known(&place)?;
        let Some(document) = self.documents.get(&place.url) else { return Ok(()) };
        let (base, resource) = resource_of(document, &place.pointer);
        let draft = resource.draft;
        let anchors: Vec<(String, String)> = if draft >= Draft::Draft2020 && base == place.pointer {
            let pointer = |name: &String| resource.anchors.get(name).cloned();
            resource.dynamic_anchors.iter().filter_map(|name| Some((name.clone(), pointer(name)?))).collect()
        } else {
            Vec::new()
        };
        let base = Place { url: place.url.clone(), pointer: base.to_owned() };
        let mut node = Node { location: place.location(), draft, ..Node::default() };
        node.resource = self.node(base)?;
        for (name, pointer) in anchors {
            let id = self.node(Place { url: place.url.clone(), pointer })?;
            node.dynamic_anchors.insert(name, id);
        }
        match value {
            Value::Bool(value) => node.boolean = Some(*value),
            Value::Map(object) if object.is_empty() => node.boolean = Some(true),
            Value::Map(object) => {
                Keywords { compiler: self, object, place: &place, draft }.read(&mut node)?
            }
            _ => {}
        }
        self.nodes[id] = node;
        Ok(())
    }

    fn pattern(&mut self, source: &str, keyword: &Place) -> Step<Pattern> {
        if let Some(pattern) = self.patterns.get(source) {
            return Ok(pattern.clone());
        }
        let compiled = Pattern::compile(source, self.budget)?;
        let pattern = compiled.map_err(|complaint| CompileError::Pattern {
            pattern: source.to_owned(),
            location: keyword.location(),
            complaint,
        })?;
        self.patterns.insert(source.to_owned(), pattern.clone());
        Ok(pattern)
    }

    /// The node that `reference`, which stands at `place`, leads to.
    fn reference(&mut self, reference: &str, place: &Place) -> Step<Id> {
        let Some(document) = self.documents.get(&place.url) else {
            return Err(CompileError::NotFound(place.location()));
        };
        let (_, resource) = resource_of(document, &place.pointer);
        self.budget.spend(1 + document.resources.len() + reference.len() + resource.id.len())?;
        let (url, fragment) = join(&resource.id, reference).map_err(CompileError::Reference)?;
        let local = document.resources.iter().find(|(_, resource)| resource.id == url);
        if url == place.url {
            return self.in_document(&place.url, "", &fragment);
        }
        if let Some((pointer, _)) = local {
            let pointer = pointer.clone();
            return self.in_document(&place.url, &pointer, &fragment);
        }
        self.load(&url)?;
        self.in_document(&url, "", &fragment)
    }

    /// The node of a fragment of the resource at `pointer` of a document.
    fn in_document(&mut self, url: &str, pointer: &str, fragment: &str) -> Step<Id> {
        let pointer = if fragment.is_empty() || fragment.starts_with('/') {
            format!("{pointer}{fragment}")
        } else {
            let resource = self.documents.get(url).and_then(|document| document.resources.get(pointer));
            let anchor = resource.and_then(|resource| resource.anchors.get(fragment)).cloned();
            anchor.ok_or_else(|| CompileError::Anchor {
                reference: format!("{}#{fragment}", resource.map_or(url, |resource| &resource.id)),
                url: url.to_owned(),
            })?
        };
        self.node(Place { url: url.to_owned(), pointer })
    }
}

/// The pointer and the resource of the innermost schema with a URL that `pointer` lies in.
fn resource_of<'d>(document: &'d Document<'_>, pointer: &str) -> (&'d str, &'d Resource) {
    let mut at = pointer;
    loop {
        if let Some((pointer, resource)) = document.resources.get_key_value(at) {
            return (pointer, resource);
        }
        at = at.rfind('/').map_or("", |slash| &at[..slash]);
    }
}

/// What `$schema` says.
fn draft_of(object: &BTreeMap<String, Value>, fallback: Draft) -> Step<Draft> {
    match object.get("$schema").and_then(Value::as_str) {
        None => Ok(fallback),
        Some(url) => match Draft::of_url(url) {
            Some(draft) => Ok(draft),
            None if split(url).0 == document::ROOT => Err(CompileError::Draft(split(url).0.to_owned())),
            None => match built_in(split(url).0) {
                None => Err(CompileError::Remote(split(url).0.to_owned())),
                Some(Value::Map(meta_schema)) => draft_of(meta_schema, fallback),
                Some(_) => Ok(fallback),
            },
        },
    }
}

/// The URL that a schema gives itself.
fn id_of(object: &BTreeMap<String, Value>, draft: Draft) -> Option<&str> {
    if draft < Draft::Draft2019 && object.contains_key("$ref") {
        return None;
    }
    let id = object.get(draft.id_keyword())?.as_str()?;
    Some(split(id).0).filter(|id| !id.is_empty())
}

fn collect_anchors(
    object: &BTreeMap<String, Value>,
    url: &str,
    pointer: &str,
    resource: &mut Resource,
) -> Step {
    let text = |keyword: &str| object.get(keyword).and_then(Value::as_str);
    let mut anchors = Vec::new();
    if resource.draft < Draft::Draft2019 {
        if object.contains_key("$ref") {
            return Ok(());
        }
        let fragment = text(resource.draft.id_keyword()).map_or("", |id| split(id).1);
        let fragment =
            document::percent_decoded(fragment).map_err(|_| CompileError::Id(location(url, pointer)))?;
        if !fragment.is_empty() && !fragment.starts_with('/') {
            anchors.push(fragment);
        }
    } else {
        anchors.extend(text("$anchor").map(str::to_owned));
    }
    if resource.draft >= Draft::Draft2020
        && let Some(anchor) = text("$dynamicAnchor")
    {
        anchors.push(anchor.to_owned());
        resource.dynamic_anchors.push(anchor.to_owned());
    }
    for anchor in anchors {
        let place = resource.anchors.entry(anchor.clone()).or_insert_with(|| pointer.to_owned());
        if place != pointer {
            return Err(CompileError::DuplicateAnchor { anchor, url: url.to_owned() });
        }
    }
    Ok(())
}
