//! [`Changed`]: frees maps that came to contain themselves.
//!
//! Collections are counted by their handles, and a count never falls to zero inside a circle. Only a function that
//! changes a map in place can close one (`set $d "self" $d`), so those maps are remembered, and when the work is done
//! the circles that nothing else holds are emptied: what remains reachable from outside is left as it is.

use std::collections::HashMap;
use std::rc::Rc;

use crate::collection::WeakMap;
use crate::{Map, Value};

/// The maps that functions changed in place. Dropping it frees those that only they themselves still hold, so drop it
/// after the data that the templates ran with: see [`Executor::finish`](crate::Executor::finish).
#[derive(Default)]
#[must_use = "dropped before the data of the templates it frees nothing that hangs on that data"]
pub struct Changed {
    maps: HashMap<usize, WeakMap>,
}

impl Changed {
    /// Notes that `value` was put into `map`.
    pub(crate) fn note(&mut self, map: &Map, value: &Value) {
        if address(value).is_none() {
            return;
        }
        self.maps.entry(map.address()).or_insert_with(|| map.downgrade());
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        let alive = self.maps.values().filter_map(WeakMap::upgrade).map(Value::Map);
        free(alive.collect());
    }
}

/// A collection, or a host object over one, that a changed map leads to.
struct Node {
    /// Our own handle.
    value: Value,
    /// Handles that other nodes hold.
    inner: usize,
    held_from_outside: bool,
}

/// Empties all that `starts` lead to and that no handle from outside leads to.
fn free(starts: Vec<Value>) {
    let mut nodes = graph(starts);
    let outside = |node: &Node| handles(&node.value) > node.inner + 1;
    let mut work: Vec<Value> =
        nodes.values().filter(|node| outside(node)).map(|node| node.value.clone()).collect();
    while let Some(value) = work.pop() {
        let node = address(&value).and_then(|address| nodes.get_mut(&address));
        if let Some(node) = node.filter(|node| !node.held_from_outside) {
            node.held_from_outside = true;
            work.extend(children(&value));
        }
    }
    for node in nodes.into_values().filter(|node| !node.held_from_outside) {
        match &node.value {
            // A conversion's entries are those of another node, which may be held from outside.
            Value::Map(map) if map.conversion_of().is_some() => {}
            Value::Map(map) => map.clear(),
            Value::List(list) => list.clear(),
            _ => {}
        }
    }
}

/// All that `starts` lead to, by address.
fn graph(starts: Vec<Value>) -> HashMap<usize, Node> {
    let mut nodes: HashMap<usize, Node> = HashMap::new();
    let mut work: Vec<(Value, usize)> = starts.into_iter().map(|value| (value, 0)).collect();
    while let Some((value, edge)) = work.pop() {
        let Some(address) = address(&value) else { continue };
        if let Some(node) = nodes.get_mut(&address) {
            node.inner += edge;
            continue;
        }
        work.extend(children(&value).into_iter().map(|child| (child, 1)));
        nodes.insert(address, Node { value, inner: edge, held_from_outside: false });
    }
    nodes
}

fn children(value: &Value) -> Vec<Value> {
    let collections = |items: &mut dyn Iterator<Item = &Value>| -> Vec<Value> {
        items.filter(|item| address(item).is_some()).cloned().collect()
    };
    match value {
        Value::Map(map) => match map.conversion_of() {
            Some(base) => vec![Value::Map(base.clone())],
            None => collections(&mut map.borrow().values()),
        },
        Value::List(list) => collections(&mut list.items().iter()),
        Value::Object(object) => object.data().into_iter().collect(),
        _ => Vec::new(),
    }
}

fn address(value: &Value) -> Option<usize> {
    match value {
        Value::Map(map) => Some(map.own_address()),
        Value::List(list) => Some(list.address()),
        Value::Object(object) => Some(Rc::as_ptr(object).addr()),
        _ => None,
    }
}

fn handles(value: &Value) -> usize {
    match value {
        Value::Map(map) => map.handles(),
        Value::List(list) => list.handles(),
        Value::Object(object) => Rc::strong_count(object),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::rc::Rc;

    use super::Changed;
    use crate::{List, Map, Object, Type, Value};

    const NAMED: Type = Type::Named("named", &Type::ANY_MAP);

    /// Shows by its count whether the map that holds it was freed.
    struct Alive(Rc<()>);

    impl Object for Alive {
        fn ty(&self) -> Type {
            Type::Opaque("alive")
        }
        fn field(&self, _: &str) -> Option<Value> {
            None
        }
        fn as_any(&self) -> &dyn Any {
            &self.0
        }
    }

    /// Runs `build` on a map, then frees; says whether the map's entries are still there.
    #[track_caller]
    fn check(keep: bool, build: impl FnOnce(&Map)) {
        let (map, mut changed) = (Map::new(), Changed::default());
        map.insert("marker", 1.0);
        build(&map);
        changed.note(&map, &Value::Map(map.clone()));
        let alive = Rc::new(());
        map.insert("alive", Value::Object(Rc::new(Alive(alive.clone()))));
        let outside = keep.then(|| map.clone());
        drop(map);
        drop(changed);
        assert_eq!(Rc::strong_count(&alive) > 1, keep, "what the map holds");
        if let Some(map) = outside {
            assert!(map.contains("marker"), "a map held from outside is as it was");
            map.clear();
        }
    }

    #[test]
    fn circles_that_nothing_holds_are_freed() {
        for keep in [false, true] {
            check(keep, |_| {});
            check(keep, |map| map.insert("self", map.clone()));
            check(keep, |map| map.insert("self", map.converted(NAMED)));
            check(keep, |map| {
                map.insert("list", List::new(vec![Value::Map(map.clone()), Value::Map(map.clone())]))
            });
            check(keep, |map| {
                let (a, b) = (Map::new(), Map::new());
                a.insert("b", b.clone());
                b.insert("a", a.clone());
                b.insert("map", map.clone());
                map.insert("a", a);
            });
        }
    }

    #[test]
    fn what_a_held_conversion_shows_stays() {
        let (map, mut changed) = (Map::new(), Changed::default());
        map.insert("self", map.clone());
        changed.note(&map, &Value::Map(map.clone()));
        let held = map.converted(NAMED);
        drop(map);
        drop(changed);
        assert!(held.contains("self"));
        held.clear();
    }

    #[test]
    fn conversions_nested_deep_take_no_stack() {
        let mut map = Map::new();
        for _ in 0..200_000 {
            let outer = Map::new();
            outer.insert("inner", map.converted(NAMED));
            map = outer;
        }
    }

    #[test]
    fn what_hangs_on_a_held_map_stays() {
        let (held, inner, mut changed) = (Map::new(), Map::new(), Changed::default());
        inner.insert("up", held.clone());
        held.insert("inner", inner.clone());
        changed.note(&inner, &Value::Map(held.clone()));
        drop(inner);
        drop(changed);
        let inner = held.get("inner").and_then(|value| value.as_map()).expect("it is still there");
        assert!(inner.contains("up"));
        inner.clear();
    }
}
