//! A printer that prints nothing but gathers the value.

use std::cmp::Ordering;

use crate::emit::{Sink, WriteError, check_depth};

/// A value with the types TOML tells apart.
#[derive(Debug)]
pub(super) enum Item {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    List(Vec<Item>),
    /// In the order of the keys' bytes.
    Table(Vec<(String, Item)>),
}

enum Open {
    List(Vec<Item>),
    Table { members: Vec<(String, Item)>, key: String },
}

/// Gathers one value.
pub(super) struct TreeWriter {
    open: Vec<Open>,
    root: Item,
}

impl TreeWriter {
    pub(super) fn new() -> Self {
        TreeWriter { open: Vec::new(), root: Item::Null }
    }

    pub(super) fn finish(self) -> Item {
        self.root
    }

    fn add(&mut self, item: Item) {
        match self.open.last_mut() {
            Some(Open::List(items)) => items.push(item),
            Some(Open::Table { members, key }) => members.push((std::mem::take(key), item)),
            None => self.root = item,
        }
    }

    fn end(&mut self) {
        let item = match self.open.pop() {
            Some(Open::List(items)) => Item::List(items),
            Some(Open::Table { members, .. }) => Item::Table(members),
            None => return,
        };
        self.add(item);
    }
}

impl Sink for TreeWriter {
    fn null(&mut self) {
        self.add(Item::Null);
    }

    fn boolean(&mut self, value: bool) {
        self.add(Item::Bool(value));
    }

    fn int(&mut self, number: i64) {
        self.add(Item::Int(number));
    }

    fn uint(&mut self, number: u64) {
        self.add(Item::Uint(number));
    }

    fn float(&mut self, number: f64) -> Result<(), WriteError> {
        self.add(Item::Float(number));
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), WriteError> {
        self.add(Item::Text(text.to_owned()));
        Ok(())
    }

    /// A list of numbers, unlike in JSON.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.add(Item::List(bytes.iter().map(|byte| Item::Int(i64::from(*byte))).collect()));
        Ok(())
    }

    fn begin_sequence(&mut self, len: usize) -> Result<(), WriteError> {
        check_depth(self.open.len())?;
        self.open.push(Open::List(Vec::with_capacity(len)));
        Ok(())
    }

    fn end_sequence(&mut self) {
        self.end();
    }

    fn begin_mapping(&mut self, len: usize) -> Result<(), WriteError> {
        check_depth(self.open.len())?;
        self.open.push(Open::Table { members: Vec::with_capacity(len), key: String::new() });
        Ok(())
    }

    fn key(&mut self, name: &str) -> Result<(), WriteError> {
        if let Some(Open::Table { key, .. }) = self.open.last_mut() {
            name.clone_into(key);
        }
        Ok(())
    }

    fn end_mapping(&mut self) {
        self.end();
    }

    fn compare_keys(&self, a: &str, b: &str) -> Ordering {
        a.cmp(b)
    }
}
