//! The parser of pairs, which changes the values as it goes.

use std::collections::BTreeMap;

use go_yaml::limits::MAX_DEPTH;
use go_yaml::{Value, json};

use super::fault::{ReadFileError, SetFault};
use super::{MAX_INDEX, MAX_ITEMS, MAX_NAME_LEVELS};

type Table = BTreeMap<String, Value>;

/// What stands after `=`.
pub(super) enum Reading<'r> {
    Json,
    Typed,
    Text,
    File(&'r mut dyn FnMut(&str) -> Result<String, ReadFileError>),
    Literal,
}

pub(super) struct Parser<'t, 'r> {
    rest: &'t str,
    reading: Reading<'r>,
    /// Items that lists were made longer by.
    items: usize,
    depth: usize,
}

/// Why a key is not followed by another.
enum Stop {
    /// The text ends, though not always where it should: Helm takes `a[0`, `a[0].` and `a.` and sets nothing.
    End,
    Fault(SetFault),
}

impl From<SetFault> for Stop {
    fn from(fault: SetFault) -> Self {
        Self::Fault(fault)
    }
}

type Step<T = ()> = Result<T, Stop>;

impl<'t, 'r> Parser<'t, 'r> {
    pub(super) fn new(text: &'t str, reading: Reading<'r>) -> Self {
        Self { rest: text, reading, items: 0, depth: 0 }
    }

    /// Sets all pairs.
    pub(super) fn run(mut self, data: &mut Table) -> Result<(), SetFault> {
        loop {
            match self.key(data, 0) {
                Ok(()) => {}
                Err(Stop::End) => return Ok(()),
                Err(Stop::Fault(fault)) => return Err(fault),
            }
        }
    }

    fn is_literal(&self) -> bool {
        matches!(self.reading, Reading::Literal)
    }

    /// What stands before one of `stops`, escapes undone, and that character; none at the end of the text.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        let stop = loop {
            match chars.next() {
                None => break None,
                Some(char) if stops.contains(&char) => break Some(char),
                Some('\\') if !self.is_literal() => match chars.next() {
                    None => break None,
                    Some(escaped) => text.push(escaped),
                },
                Some(char) => text.push(char),
            }
        };
        self.rest = chars.as_str();
        (text, stop)
    }

    /// A key and its value into `data`; `level` counts the dots before it.
    fn key(&mut self, data: &mut Table, level: usize) -> Step {
        let stops: &[char] = if self.is_literal() { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        match self.until(stops) {
            (key, None) if key.is_empty() => Err(Stop::End),
            (key, None) => Err(SetFault::NoValue(key).into()),
            (key, Some('=')) => self.value_of_key(data, key),
            (key, Some('[')) => {
                let index = self.index()?;
                self.list_of_key(data, key, index, level)
            }
            (key, Some('.')) => {
                if level == MAX_NAME_LEVELS {
                    return Err(SetFault::NameLevels.into());
                }
                self.table_of_key(data, key, level + 1)
            }
            (key, Some(_)) => Err(SetFault::NoValueBeforeComma(key).into()),
        }
    }

    fn value_of_key(&mut self, data: &mut Table, key: String) -> Step {
        let (value, ended) = self.value()?;
        set(data, key, value);
        if ended { Err(Stop::End) } else { Ok(()) }
    }

    fn table_of_key(&mut self, data: &mut Table, key: String, level: usize) -> Step {
        match data.get_mut(&key) {
            Some(Value::Map(table)) => {
                let result = self.nested(|parser| parser.key(table, level));
                if result.is_ok() && table.is_empty() {
                    return Err(SetFault::EmptyTable(key).into());
                }
                result
            }
            Some(other) => Err(wrong_type(other, "map[string]interface {}")),
            None => {
                let mut table = Table::new();
                let result = self.nested(|parser| parser.key(&mut table, level));
                if result.is_ok() && table.is_empty() {
                    return Err(SetFault::EmptyTable(key).into());
                }
                if !table.is_empty() {
                    set(data, key, Value::Map(table));
                }
                result
            }
        }
    }

    fn list_of_key(&mut self, data: &mut Table, key: String, index: i64, level: usize) -> Step {
        match data.get_mut(&key) {
            Some(Value::Seq(list)) => {
                let before = list.len();
                let result = self.nested(|parser| parser.item(list, index, level));
                if key.is_empty() {
                    // In Go the longer list is another one, and an empty key is never set to it.
                    list.truncate(before);
                }
                result
            }
            Some(other) => Err(wrong_type(other, "[]interface {}")),
            None => {
                let mut list = Vec::new();
                let result = self.nested(|parser| parser.item(&mut list, index, level));
                set(data, key, Value::Seq(list));
                result
            }
        }
    }

    /// What stands before `]`.
    fn index(&mut self) -> Step<i64> {
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            return Err(Stop::End);
        }
        atoi(&text).map_err(|reason| SetFault::Index { text, reason }.into())
    }

    /// What follows `]`: a value, a deeper index or a key, for the item `index` of `list`.
    fn item(&mut self, list: &mut Vec<Value>, index: i64, level: usize) -> Step {
        let Ok(at) = usize::try_from(index) else { return Err(SetFault::NegativeIndex(index).into()) };
        let (text, stop) = self.until(&['[', '.', '=']);
        if !text.is_empty() {
            return Err(SetFault::AfterIndex(text).into());
        }
        match stop {
            None => Err(Stop::End),
            Some('=') => {
                let (value, _) = self.value()?;
                self.put(list, at, value)
            }
            Some('[') => {
                let deeper = self.index()?;
                self.item_of_list(list, at, deeper, level)
            }
            Some(_) => self.item_of_table(list, at, level),
        }
    }

    fn item_of_list(&mut self, list: &mut Vec<Value>, at: usize, deeper: i64, level: usize) -> Step {
        match list.get_mut(at) {
            Some(Value::Seq(inner)) => self.nested(|parser| parser.item(inner, deeper, level)),
            Some(Value::Null) | None => {
                let mut inner = Vec::new();
                self.nested(|parser| parser.item(&mut inner, deeper, level))?;
                self.put(list, at, Value::Seq(inner))
            }
            Some(other) => Err(wrong_type(other, "[]interface {}")),
        }
    }

    fn item_of_table(&mut self, list: &mut Vec<Value>, at: usize, level: usize) -> Step {
        let Some(item) = list.get_mut(at) else {
            let mut table = Table::new();
            self.nested(|parser| parser.key(&mut table, level))?;
            return self.put(list, at, Value::Map(table));
        };
        if !matches!(item, Value::Map(_)) {
            *item = Value::Map(Table::new());
        }
        match item {
            Value::Map(table) => self.nested(|parser| parser.key(table, level)),
            _ => Ok(()),
        }
    }

    /// Sets an item, nulls filling what lies before it.
    fn put(&mut self, list: &mut Vec<Value>, at: usize, value: Value) -> Step {
        if at > MAX_INDEX {
            return Err(SetFault::IndexTooLarge(i64::try_from(at).unwrap_or(i64::MAX)).into());
        }
        if at >= list.len() {
            self.count(at + 1 - list.len())?;
            list.resize(at + 1, Value::Null);
        }
        list[at] = value;
        Ok(())
    }

    fn count(&mut self, items: usize) -> Step {
        self.items += items;
        if self.items > MAX_ITEMS { Err(SetFault::TooManyItems.into()) } else { Ok(()) }
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Step<T>) -> Step<T> {
        if self.depth == MAX_DEPTH {
            return Err(SetFault::TooDeep.into());
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// The value after `=`, and whether the text ends instead of there being one.
    fn value(&mut self) -> Step<(Value, bool)> {
        match self.reading {
            Reading::Json => Ok((self.json_value()?, false)),
            Reading::Literal => {
                let text = std::mem::take(&mut self.rest);
                Ok((Value::from(text), false))
            }
            _ if self.rest.is_empty() => Ok((Value::from(""), true)),
            _ => match self.rest.strip_prefix('{') {
                Some(rest) => {
                    self.rest = rest;
                    Ok((self.list_value()?, false))
                }
                None => {
                    let (text, _) = self.until(&[',']);
                    Ok((self.scalar(text)?, false))
                }
            },
        }
    }

    /// The items up to `}`; `{}` has one, which is empty.
    fn list_value(&mut self) -> Step<Value> {
        let mut list = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            let Some(stop) = stop else { return Err(SetFault::UnterminatedList.into()) };
            if stop == '}' {
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
            }
            self.count(1)?;
            list.push(self.scalar(text)?);
            if stop == '}' {
                return Ok(Value::Seq(list));
            }
        }
    }

    fn scalar(&mut self, text: String) -> Step<Value> {
        match &mut self.reading {
            Reading::Typed => Ok(typed(text)),
            Reading::File(read) => {
                read(&text).map(Value::String).map_err(|error| SetFault::File(error).into())
            }
            Reading::Text | Reading::Json | Reading::Literal => Ok(Value::String(text)),
        }
    }

    /// JSON and the comma after it; null if there is none.
    fn json_value(&mut self) -> Step<Value> {
        if self.no_value_follows() {
            return Ok(Value::Null);
        }
        let (value, length) = json::from_prefix(self.rest).map_err(SetFault::Json)?;
        self.rest = &self.rest[length..];
        self.no_value_follows();
        Ok(value.with_float_numbers())
    }

    /// Takes white space and a comma away; whether something else than these follows.
    fn no_value_follows(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(',') {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => self.rest.is_empty(),
        }
    }
}

/// Nothing is ever set for an empty key.
fn set(data: &mut Table, key: String, value: Value) {
    if !key.is_empty() {
        data.insert(key, value);
    }
}

/// `--set`'s idea of a scalar's type.
fn typed(text: String) -> Value {
    // `strings.EqualFold` also takes the long s.
    let is = |word: &str| text.len() <= 8 && text.replace('ſ', "s").eq_ignore_ascii_case(word);
    if is("true") {
        return Value::Bool(true);
    }
    if is("false") {
        return Value::Bool(false);
    }
    if is("null") {
        return Value::Null;
    }
    let number = if text == "0" || !text.starts_with('0') { text.parse().ok() } else { None };
    number.map_or(Value::String(text), Value::Int)
}

/// `strconv.Atoi`, with the reason in its words.
pub(crate) fn atoi(text: &str) -> Result<i64, &'static str> {
    const SYNTAX: &str = "invalid syntax";
    const RANGE: &str = "value out of range";
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() {
        return Err(SYNTAX);
    }
    let mut size: u64 = 0;
    for byte in digits.bytes() {
        if !byte.is_ascii_digit() {
            return Err(SYNTAX);
        }
        size = size.checked_mul(10).and_then(|size| size.checked_add(u64::from(byte - b'0'))).ok_or(RANGE)?;
    }
    let size = i128::from(size);
    i64::try_from(if text.starts_with('-') { -size } else { size }).map_err(|_| RANGE)
}

fn wrong_type(value: &Value, wanted: &'static str) -> Stop {
    SetFault::OtherType { found: go_type(value), wanted }.into()
}

/// `%T`, but for null, which is what a failed assertion calls it.
pub(crate) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Uint(_) => "uint64",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::Seq(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
    }
}
