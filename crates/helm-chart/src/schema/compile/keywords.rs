//! The keywords of a schema into its node.

use std::collections::BTreeMap;

use go_yaml::Value;

use super::super::document::{Draft, percent_decoded, split};
use super::super::format::Format;
use super::super::node::{Additional, Dependency, Id, Node, Types};
use super::super::number::Decimal;
use super::{Compiler, Place, Step};

/// The keywords of one schema.
pub(super) struct Keywords<'c, 'v> {
    pub(super) compiler: &'c mut Compiler<'v>,
    pub(super) object: &'v BTreeMap<String, Value>,
    pub(super) place: &'c Place,
    pub(super) draft: Draft,
}

impl<'v> Keywords<'_, 'v> {
    pub(super) fn read(&mut self, node: &mut Node) -> Step {
        node.reference = self.reference("$ref")?;
        // Until 2019 nothing stands beside a reference; Helm's validator looks at some keywords nonetheless.
        if self.draft >= Draft::Draft2019 || node.reference.is_none() {
            self.read_draft4(node)?;
        }
        if self.draft >= Draft::Draft6 {
            node.contains = self.schema("contains")?;
            node.property_names = self.schema("propertyNames")?;
            node.constant = self.object.get("const").cloned();
        }
        if self.draft >= Draft::Draft7 {
            self.read_condition(node)?;
        }
        if self.draft >= Draft::Draft2019 {
            self.read_draft2019(node)?;
        }
        if self.draft >= Draft::Draft2020 {
            self.read_draft2020(node)?;
        }
        Ok(())
    }

    fn read_draft4(&mut self, node: &mut Node) -> Step {
        node.all_of = self.schemas("allOf")?;
        node.any_of = self.schemas("anyOf")?;
        node.one_of = self.schemas("oneOf")?;
        node.not = self.schema("not")?;
        if self.draft < Draft::Draft2020 {
            if self.list("items").is_some() {
                node.first_items = self.schemas("items")?;
                node.other_items = self.additional("additionalItems")?;
            } else {
                node.other_items = self.schema("items")?.map(Additional::Fits);
            }
        }
        node.properties = self.schema_map("properties")?;
        for (source, id) in self.schema_map("patternProperties")? {
            let place = self.place.below(&["patternProperties"]);
            node.pattern_properties.push((self.compiler.pattern(&source, &place)?, id));
        }
        node.additional_properties = self.additional("additionalProperties")?;
        if let Some(map) = self.map("dependencies") {
            for (name, value) in map {
                let dependency = match value {
                    Value::Seq(names) => Dependency::Properties(strings(names)),
                    _ => Dependency::Schema(self.at(&["dependencies", name])?),
                };
                node.dependencies.insert(name.clone(), dependency);
            }
        }
        self.read_validation(node)
    }

    fn read_validation(&mut self, node: &mut Node) -> Step {
        node.types = self.object.get("type").map(Types::of_keyword).unwrap_or_default();
        node.one_value_of = self.list("enum").map(<[Value]>::to_vec);
        node.multiple_of = self.number("multipleOf");
        (node.maximum, node.exclusive_maximum) = self.bounds("maximum", "exclusiveMaximum");
        (node.minimum, node.exclusive_minimum) = self.bounds("minimum", "exclusiveMinimum");
        node.min_length = self.whole("minLength");
        node.max_length = self.whole("maxLength");
        if let Some(source) = self.text("pattern") {
            node.pattern = Some(self.compiler.pattern(source, &self.place.below(&["pattern"]))?);
        }
        node.min_items = self.whole("minItems");
        node.max_items = self.whole("maxItems");
        node.unique_items = self.is_true("uniqueItems");
        node.min_properties = self.whole("minProperties");
        node.max_properties = self.whole("maxProperties");
        node.required = self.list("required").map(strings).unwrap_or_default();
        if self.compiler.asserts_formats || self.draft < Draft::Draft2019 {
            node.format = self.text("format").and_then(Format::named);
        }
        Ok(())
    }

    fn read_condition(&mut self, node: &mut Node) -> Step {
        node.condition = self.schema("if")?;
        if node.condition.is_some() {
            let fixed = self.object.get("if").and_then(Value::as_bool);
            if fixed != Some(false) {
                node.then = self.schema("then")?;
            }
            if fixed != Some(true) {
                node.otherwise = self.schema("else")?;
            }
        }
        Ok(())
    }

    fn read_draft2019(&mut self, node: &mut Node) -> Step {
        node.recursive_reference = self.reference("$recursiveRef")?;
        node.recursive_anchor = self.is_true("$recursiveAnchor");
        if node.contains.is_some() {
            node.min_contains = self.whole("minContains");
            node.max_contains = self.whole("maxContains");
        }
        for (name, value) in self.map("dependentRequired").into_iter().flatten() {
            if let Value::Seq(names) = value {
                node.dependent_required.insert(name.clone(), strings(names));
            }
        }
        node.dependent_schemas = self.schema_map("dependentSchemas")?;
        node.unevaluated_items = self.schema("unevaluatedItems")?;
        node.unevaluated_properties = self.schema("unevaluatedProperties")?;
        Ok(())
    }

    fn read_draft2020(&mut self, node: &mut Node) -> Step {
        if let Some(reference) = self.text("$dynamicRef") {
            let id = self.compiler.reference(reference, self.place)?;
            let fragment = percent_decoded(split(reference).1).unwrap_or_default();
            let anchor = Some(fragment).filter(|anchor| !anchor.is_empty() && !anchor.starts_with('/'));
            node.dynamic_reference = Some((id, anchor));
        }
        node.dynamic_anchor = self.text("$dynamicAnchor").map(str::to_owned);
        node.first_items = self.schemas("prefixItems")?;
        node.other_items = self.schema("items")?.map(Additional::Fits);
        Ok(())
    }

    fn text(&self, keyword: &str) -> Option<&'v str> {
        self.object.get(keyword)?.as_str()
    }

    fn list(&self, keyword: &str) -> Option<&'v [Value]> {
        self.object.get(keyword)?.as_seq()
    }

    fn map(&self, keyword: &str) -> Option<&'v BTreeMap<String, Value>> {
        self.object.get(keyword)?.as_map()
    }

    fn is_true(&self, keyword: &str) -> bool {
        self.object.get(keyword) == Some(&Value::Bool(true))
    }

    fn number(&self, keyword: &str) -> Option<Decimal> {
        Decimal::of(self.object.get(keyword)?)
    }

    fn whole(&self, keyword: &str) -> Option<i64> {
        self.number(keyword)?.to_i64()
    }

    /// A bound and the exclusive one; in draft 4 the latter is a boolean.
    fn bounds(&self, inclusive: &str, exclusive: &str) -> (Option<Decimal>, Option<Decimal>) {
        if self.is_true(exclusive) {
            (None, self.number(inclusive))
        } else {
            (self.number(inclusive), self.number(exclusive))
        }
    }

    fn at(&mut self, tokens: &[&str]) -> Step<Id> {
        let place = self.place.below(tokens);
        self.compiler.node(place)
    }

    fn schema(&mut self, keyword: &str) -> Step<Option<Id>> {
        self.object.get(keyword).map(|_| self.at(&[keyword])).transpose()
    }

    fn schemas(&mut self, keyword: &str) -> Step<Vec<Id>> {
        let count = self.list(keyword).map_or(0, <[Value]>::len);
        (0..count).map(|index| self.at(&[keyword, &index.to_string()])).collect()
    }

    fn schema_map(&mut self, keyword: &str) -> Step<BTreeMap<String, Id>> {
        let names = self.map(keyword).into_iter().flat_map(BTreeMap::keys);
        names.map(|name| Ok((name.clone(), self.at(&[keyword, name])?))).collect()
    }

    fn additional(&mut self, keyword: &str) -> Step<Option<Additional>> {
        match self.object.get(keyword) {
            Some(Value::Bool(allowed)) => Ok(Some(Additional::Allowed(*allowed))),
            Some(_) => Ok(Some(Additional::Fits(self.at(&[keyword])?))),
            None => Ok(None),
        }
    }

    fn reference(&mut self, keyword: &str) -> Step<Option<Id>> {
        let Some(reference) = self.text(keyword) else { return Ok(None) };
        self.compiler.reference(reference, self.place).map(Some)
    }
}

fn strings(items: &[Value]) -> Vec<String> {
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
