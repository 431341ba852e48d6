//! JSON text to values, with the errors of `encoding/json`.

use std::collections::BTreeMap;

use crate::chars;
use crate::limits::{MAX_BYTES, MAX_DEPTH};
use crate::number::{Whole, parse_whole};
use crate::value::Value;

/// Why a text is not JSON, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text ends too early.
    #[error("unexpected end of JSON input")]
    UnexpectedEnd,
    /// A character that cannot stand where it does.
    #[error("invalid character {} {context}", quote(*character))]
    InvalidCharacter {
        /// The character; one of a longer UTF-8 sequence is shown as its first byte, as Go does.
        character: char,
        /// What was expected.
        context: &'static str,
        /// Bytes before the character.
        offset: usize,
    },
    /// A number beyond the range of a float.
    #[error("json: cannot unmarshal number {text} into Go value of type float64")]
    NumberRange {
        /// The number as written.
        text: String,
    },
    /// Collections nest deeper than [`MAX_DEPTH`].
    #[error("exceeded max depth")]
    TooDeep,
    /// The text is longer than [`MAX_BYTES`].
    #[error("text of {bytes} bytes exceeds the limit of {MAX_BYTES} bytes")]
    TooLarge {
        /// The text's length.
        bytes: usize,
    },
}

fn quote(character: char) -> String {
    match character {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        _ => {
            let escaped: String = match character {
                '\x07' => r"\a".to_owned(),
                '\x08' => r"\b".to_owned(),
                '\x0B' => r"\v".to_owned(),
                '\x0C' => r"\f".to_owned(),
                '\n' => r"\n".to_owned(),
                '\r' => r"\r".to_owned(),
                '\t' => r"\t".to_owned(),
                '\\' => r"\\".to_owned(),
                control if control < ' ' || control == '\x7F' => format!("\\x{:02x}", u32::from(control)),
                '\u{80}'..='\u{A0}' | '\u{AD}' => format!("\\u{:04x}", u32::from(character)),
                other => other.to_string(),
            };
            format!("'{escaped}'")
        }
    }
}

/// Reads one JSON value, with nothing but white space around it. Of equal keys the last counts. Whole numbers keep
/// their type; `encoding/json` without `UseNumber` has floats only: see [`Value::with_float_numbers`].
///
/// # Errors
/// The text is not JSON or exceeds a limit.
///
/// ```
/// use go_yaml::json;
/// assert_eq!(json::from_str("{\"a\": [1]}").unwrap().at(&["a"]).unwrap().as_seq().unwrap().len(), 1);
/// let error = json::from_str("{a: 1}").unwrap_err();
/// assert_eq!(error.to_string(), "invalid character 'a' looking for beginning of object key string");
/// ```
pub fn from_str(text: &str) -> Result<Value, JsonError> {
    if text.len() > MAX_BYTES {
        return Err(JsonError::TooLarge { bytes: text.len() });
    }
    let mut reader = Reader { text, at: 0, depth: 0, out_of_range: None };
    let value = reader.value("looking for beginning of value")?;
    reader.skip_space();
    match (reader.peek(), reader.out_of_range.take()) {
        (Some(_), _) => Err(reader.invalid("after top-level value")),
        (None, Some(text)) => Err(JsonError::NumberRange { text }),
        (None, None) => Ok(value),
    }
}

/// Reads the JSON value that `text` begins with, after white space, and tells where it ends in bytes: what follows is
/// not looked at, as by `json.Decoder`.
///
/// # Errors
/// As [`from_str`].
///
/// ```
/// use go_yaml::{Value, json};
/// assert_eq!(json::from_prefix("true,a=1"), Ok((Value::Bool(true), 4)));
/// ```
pub fn from_prefix(text: &str) -> Result<(Value, usize), JsonError> {
    if text.len() > MAX_BYTES {
        return Err(JsonError::TooLarge { bytes: text.len() });
    }
    let mut reader = Reader { text, at: 0, depth: 0, out_of_range: None };
    let value = reader.value("looking for beginning of value")?;
    match reader.out_of_range.take() {
        Some(text) => Err(JsonError::NumberRange { text }),
        None => Ok((value, reader.at)),
    }
}

/// Like [`from_str`], for bytes that may not be UTF-8: in strings each wrong byte is U+FFFD, elsewhere it is a wrong
/// character.
///
/// # Errors
/// As [`from_str`].
pub fn from_slice(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = chars::lossy(bytes);
    from_str(&text).map_err(|error| match error {
        JsonError::InvalidCharacter { context, offset, .. } if text.len() > bytes.len() => {
            let offset = before_lossy(bytes, offset);
            JsonError::InvalidCharacter { character: char::from(bytes[offset]), context, offset }
        }
        error => error,
    })
}

/// The place in `bytes` of a place in their lossy text.
fn before_lossy(bytes: &[u8], offset: usize) -> usize {
    let (mut at, mut shown) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        if offset < shown + chunk.valid().len() {
            return at + offset - shown;
        }
        at += chunk.valid().len();
        shown += chunk.valid().len();
        for _ in chunk.invalid() {
            if offset < shown + char::REPLACEMENT_CHARACTER.len_utf8() {
                return at;
            }
            at += 1;
            shown += char::REPLACEMENT_CHARACTER.len_utf8();
        }
    }
    bytes.len() - 1
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    /// The first number beyond a float's range: an error only if the text is JSON.
    out_of_range: Option<String>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn invalid(&self, context: &'static str) -> JsonError {
        // At the end Go tries a space: inside a token that is a wrong character, elsewhere it only shows that
        // something is missing.
        let inside_token = context.starts_with("in ") || context.starts_with("after decimal point");
        match self.peek().or(inside_token.then_some(b' ')) {
            None => JsonError::UnexpectedEnd,
            Some(byte) => {
                JsonError::InvalidCharacter { character: char::from(byte), context, offset: self.at }
            }
        }
    }

    fn value(&mut self, context: &'static str) -> Result<Value, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.invalid(context)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, JsonError>) -> Result<Value, JsonError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, JsonError> {
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Seq(items));
        }
        loop {
            items.push(self.value("looking for beginning of value")?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Seq(items));
                }
                _ => return Err(self.invalid("after array element")),
            }
        }
    }

    fn object(&mut self) -> Result<Value, JsonError> {
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(BTreeMap::new()));
        }
        let mut members = Vec::new();
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.invalid("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.invalid("after object key"));
            }
            self.at += 1;
            let value = self.value("looking for beginning of value")?;
            members.push((key, value));
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    // Of equal keys the last stays.
                    return Ok(Value::Map(members.into_iter().collect()));
                }
                _ => return Err(self.invalid("after object key:value pair")),
            }
        }
    }

    fn literal(&mut self, word: &'static str, value: Value) -> Result<Value, JsonError> {
        for expected in word.bytes() {
            if self.peek() != Some(expected) {
                let context = match (word, expected) {
                    ("true", b'r') => "in literal true (expecting 'r')",
                    ("true", b'u') => "in literal true (expecting 'u')",
                    ("true", _) => "in literal true (expecting 'e')",
                    ("false", b'a') => "in literal false (expecting 'a')",
                    ("false", b'l') => "in literal false (expecting 'l')",
                    ("false", b's') => "in literal false (expecting 's')",
                    ("false", _) => "in literal false (expecting 'e')",
                    (_, b'u') => "in literal null (expecting 'u')",
                    _ => "in literal null (expecting 'l')",
                };
                return Err(self.invalid(context));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self) -> bool {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > from
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let from = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else if !self.digits() {
            return Err(self.invalid("in numeric literal"));
        }
        let whole_end = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !self.digits() {
                return Err(self.invalid("after decimal point in numeric literal"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.digits() {
                return Err(self.invalid("in exponent of numeric literal"));
            }
        }
        let text = &self.text[from..self.at];
        if whole_end == self.at && text != "-0" {
            // Nothing overflows in 18 digits.
            if text.len() <= 18 {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let size = digits.bytes().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
                return Ok(Value::Int(if digits.len() == text.len() { size } else { -size }));
            }
            match parse_whole(text) {
                Some(Whole::Int(int)) => return Ok(Value::Int(int)),
                Some(Whole::Uint(uint)) => return Ok(Value::Uint(uint)),
                None => {}
            }
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => {
                self.out_of_range.get_or_insert_with(|| text.to_owned());
                Ok(Value::Null)
            }
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let bytes = self.text.as_bytes();
        let mut string = String::new();
        loop {
            let from = self.at;
            let plain = bytes[from..].iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let Some(plain) = plain else {
                return Err(JsonError::UnexpectedEnd);
            };
            let piece = &self.text[from..from + plain];
            self.at = from + plain;
            match bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    // Without escapes, the one allocation fits.
                    return Ok(if string.is_empty() { piece.to_owned() } else { string + piece });
                }
                b'\\' => {
                    string.push_str(piece);
                    self.at += 1;
                    string.push(self.escape()?);
                }
                _ => return Err(self.invalid("in string literal")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let char = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0C',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let first = self.hex4()?;
                return self.surrogate(first);
            }
            _ => return Err(self.invalid("in string escape code")),
        };
        self.at += 1;
        Ok(char)
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return Err(self.invalid("in \\u hexadecimal character escape"));
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// Joins a surrogate pair; half of one becomes U+FFFD.
    fn surrogate(&mut self, first: u32) -> Result<char, JsonError> {
        if (0xD800..0xDC00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex4()?;
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}
