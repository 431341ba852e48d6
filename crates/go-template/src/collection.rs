//! [`List`] and [`Map`]: shared, mutable collections.
//!
//! A handle is a reference, as a Go slice or map is: clones see each other's changes. That is what Sprig's
//! `set` and `merge` rely on. A collection may therefore contain itself; whoever walks one bounds the depth.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::rc::{Rc, Weak};

use crate::{Str, Type, Value};

/// A shared list (Go's slice) with one Go type, `[]interface {}` unless made otherwise.
#[derive(Clone)]
pub struct List(Rc<ListData>);

struct ListData {
    ty: Type,
    nil: bool,
    holds_any: bool,
    items: RefCell<Vec<Value>>,
}

impl List {
    /// A `[]interface {}` of the items.
    pub fn new(items: Vec<Value>) -> Self {
        Self::typed(Type::ANY_LIST, items)
    }

    /// A `[]string`.
    pub fn of_strings<S: Into<Str>>(items: impl IntoIterator<Item = S>) -> Self {
        Self::typed(Type::STRING_LIST, items.into_iter().map(|s| Value::String(s.into())).collect())
    }

    /// A list of type `ty` (a list type or a named one). The caller gives items of its element type.
    pub fn typed(ty: Type, items: Vec<Value>) -> Self {
        List(Rc::new(ListData { ty, nil: false, holds_any: holds_any(ty), items: RefCell::new(items) }))
    }

    /// The nil slice of type `ty`: empty, prints as `[]`, is null in JSON, equals nil.
    pub fn nil(ty: Type) -> Self {
        List(Rc::new(ListData { ty, nil: true, holds_any: holds_any(ty), items: RefCell::default() }))
    }

    /// The Go type.
    pub fn ty(&self) -> Type {
        self.0.ty
    }

    /// The type of the elements.
    pub fn elem(&self) -> Type {
        self.0.ty.elem().unwrap_or(Type::Any)
    }

    /// Whether the elements are of type `interface {}`.
    pub(crate) fn holds_any(&self) -> bool {
        self.0.holds_any
    }

    /// Whether this is a nil slice.
    pub fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.0.items.borrow().len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`.
    pub fn get(&self, index: usize) -> Option<Value> {
        self.0.items.borrow().get(index).cloned()
    }

    /// Replaces the item at `index` in place, for every alias; false if there is no such item.
    pub fn set(&self, index: usize, value: Value) -> bool {
        match self.0.items.borrow_mut().get_mut(index) {
            Some(slot) => {
                *slot = value;
                true
            }
            None => false,
        }
    }

    /// Appends in place, for every alias. (Sprig's `append` copies instead.)
    pub fn push(&self, value: Value) {
        self.0.items.borrow_mut().push(value);
    }

    /// The items, borrowed: do not change the list while this lives.
    pub fn items(&self) -> Ref<'_, Vec<Value>> {
        self.0.items.borrow()
    }

    /// A copy of the items.
    pub fn to_vec(&self) -> Vec<Value> {
        self.0.items.borrow().clone()
    }

    pub(crate) fn clear(&self) {
        // Dropped after the borrow has ended.
        drop(self.0.items.take());
    }

    pub(crate) fn handles(&self) -> usize {
        Rc::strong_count(&self.0)
    }

    /// Whether both handles name the same list.
    pub fn same(&self, other: &List) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// The address of the list, for cycle detection and Go's `%p`.
    pub fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }
}

/// A shared map from strings (Go's `map[string]T`), iterated in byte order of its keys as Go's templates do.
#[derive(Clone)]
pub struct Map(Rc<MapData>);

struct MapData {
    ty: Type,
    nil: bool,
    holds_any: bool,
    entries: RefCell<BTreeMap<Str, Value>>,
    /// The map whose entries these are: one of another type, and never one that has this itself.
    of: Option<Map>,
}

impl Map {
    /// An empty `map[string]interface {}`.
    pub fn new() -> Self {
        Self::typed(Type::ANY_MAP)
    }

    /// An empty map of type `ty` (a map type or a named one).
    pub fn typed(ty: Type) -> Self {
        Map(Rc::new(MapData {
            ty,
            nil: false,
            holds_any: holds_any(ty),
            entries: RefCell::default(),
            of: None,
        }))
    }

    /// The nil map of type `ty`: empty, prints as `map[]`, is null in JSON, equals nil.
    pub fn nil(ty: Type) -> Self {
        Map(Rc::new(MapData {
            ty,
            nil: true,
            holds_any: holds_any(ty),
            entries: RefCell::default(),
            of: None,
        }))
    }

    /// A `map[string]string`.
    pub fn of_strings<K: Into<Str>, V: Into<Str>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let map = Self::typed(Type::STRING_MAP);
        for (key, value) in entries {
            map.insert(key, Value::String(value.into()));
        }
        map
    }

    /// The same map as a value of type `ty`, as Go converts a named map type to what it is made of and back: each sees what
    /// is set in the other.
    #[must_use]
    pub fn converted(&self, ty: Type) -> Self {
        let of = Some(self.base().clone());
        let data =
            MapData { ty, nil: self.is_nil(), holds_any: holds_any(ty), entries: RefCell::default(), of };
        Map(Rc::new(data))
    }

    /// The map that holds the entries.
    fn base(&self) -> &Map {
        self.0.of.as_ref().unwrap_or(self)
    }

    fn cell(&self) -> &RefCell<BTreeMap<Str, Value>> {
        &self.base().0.entries
    }

    /// The Go type.
    pub fn ty(&self) -> Type {
        self.0.ty
    }

    /// The type of the values.
    pub fn elem(&self) -> Type {
        self.0.ty.elem().unwrap_or(Type::Any)
    }

    /// Whether the values are of type `interface {}`.
    pub(crate) fn holds_any(&self) -> bool {
        self.0.holds_any
    }

    /// Whether this is a nil map. Writing to one panics in Go; check before [`Map::insert`].
    pub fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.cell().borrow().len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under `key`.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<Value> {
        self.cell().borrow().get(key.as_ref()).cloned()
    }

    /// Whether `key` is present, if only with nil.
    pub fn contains(&self, key: impl AsRef<[u8]>) -> bool {
        self.cell().borrow().contains_key(key.as_ref())
    }

    /// Sets `key` in place, for every alias.
    pub fn insert(&self, key: impl Into<Str>, value: impl Into<Value>) {
        let value = value.into();
        let old = match self.cell().borrow_mut().entry(key.into()) {
            Entry::Occupied(mut slot) => Some(slot.insert(value)),
            Entry::Vacant(slot) => {
                slot.insert(value);
                None
            }
        };
        // Dropped after the borrow has ended: the old value may hold the last handle of this very map's parent.
        drop(old);
    }

    /// Removes `key` in place, for every alias, and gives the value it had.
    pub fn remove(&self, key: impl AsRef<[u8]>) -> Option<Value> {
        self.cell().borrow_mut().remove(key.as_ref())
    }

    /// The keys, in byte order.
    pub fn keys(&self) -> Vec<Str> {
        self.cell().borrow().keys().cloned().collect()
    }

    /// The entries in byte order of their keys: a snapshot, so the map may be changed while it is walked.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.cell().borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// The entries, borrowed: do not change the map while this lives.
    pub fn borrow(&self) -> Ref<'_, BTreeMap<Str, Value>> {
        self.cell().borrow()
    }

    pub(crate) fn clear(&self) {
        // Dropped after the borrow has ended.
        drop(self.cell().take());
    }

    pub(crate) fn downgrade(&self) -> WeakMap {
        WeakMap(Rc::downgrade(&self.base().0))
    }

    pub(crate) fn handles(&self) -> usize {
        Rc::strong_count(&self.0)
    }

    /// Whether both handles name the same map.
    pub fn same(&self, other: &Map) -> bool {
        Rc::ptr_eq(&self.base().0, &other.base().0)
    }

    /// The address of the map, for cycle detection and Go's `%p`.
    pub fn address(&self) -> usize {
        Rc::as_ptr(&self.base().0).addr()
    }

    /// The map that this one is a conversion of.
    pub(crate) fn conversion_of(&self) -> Option<&Map> {
        self.0.of.as_ref()
    }

    /// The address of this very handle's data, which is not that of the map it is a conversion of.
    pub(crate) fn own_address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }
}

/// A handle that does not keep its map; the map's address is not given to another one while this lives.
pub(crate) struct WeakMap(Weak<MapData>);

impl WeakMap {
    pub(crate) fn upgrade(&self) -> Option<Map> {
        self.0.upgrade().map(Map)
    }
}

impl Default for Map {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Into<Str>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let map = Map::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<V: Into<Value>> FromIterator<V> for List {
    fn from_iter<I: IntoIterator<Item = V>>(items: I) -> Self {
        List::new(items.into_iter().map(Into::into).collect())
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.ty(), self.len())
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.ty(), self.len())
    }
}

// A template can nest a value as deep as its budget of steps allows, far deeper than the stack: dropping is a
// loop over a work list, not a recursion.
impl Drop for ListData {
    fn drop(&mut self) {
        drop_all(std::mem::take(self.items.get_mut()));
    }
}

impl Drop for MapData {
    fn drop(&mut self) {
        let mut work: Vec<Value> = std::mem::take(self.entries.get_mut()).into_values().collect();
        work.extend(self.of.take().map(Value::Map));
        drop_all(work);
    }
}

fn holds_any(ty: Type) -> bool {
    ty.elem().is_none_or(|elem| elem == Type::Any)
}

fn drop_all(mut work: Vec<Value>) {
    while let Some(value) = work.pop() {
        match value {
            Value::List(mut list) => {
                if let Some(data) = Rc::get_mut(&mut list.0) {
                    work.append(data.items.get_mut());
                }
            }
            Value::Map(mut map) => {
                if let Some(data) = Rc::get_mut(&mut map.0) {
                    work.extend(std::mem::take(data.entries.get_mut()).into_values());
                    work.extend(data.of.take().map(Value::Map));
                }
            }
            _ => {}
        }
    }
}
