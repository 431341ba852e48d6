//! Values by verb.

use super::{Flags, MAX_DEPTH, Printer};
use crate::parse::utf8;
use crate::value::Basic;
use crate::{Budget, List, Map, Number, Object, Type, Value};

impl Printer<'_> {
    /// Prints a function's argument.
    pub(super) fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => {
                let name = value.type_name();
                self.text(name.as_bytes());
            }
            (_, 'p') => self.pointer(value, verb),
            (_, 'w') if !matches!(value, Value::Bytes(_)) => self.bad_verb(value, verb),
            _ => self.value(value, verb, 0),
        }
    }

    pub(super) fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > MAX_DEPTH {
            self.exceeded = Some(Budget::Depth);
        }
        if self.stopped() {
            return;
        }
        match value {
            Value::Nil if verb == 'v' => {
                let text = if self.flags.sharp_v { "interface {}(nil)" } else { "<nil>" };
                self.str(text);
            }
            // An element of type interface {} that is nil prints as such with every verb.
            Value::Nil => self.str("<nil>"),
            Value::Bytes(bytes) => self.bytes(value, bytes, verb, depth),
            Value::List(list) => self.list(list, list.ty(), verb, depth),
            Value::Map(map) => self.map(map, map.ty(), verb, depth),
            Value::Object(object) => self.object(value, &**object, verb, depth),
            Value::Func(_) | Value::NilPointer(_) => self.pointer(value, verb),
            Value::Float64(f) => self.float_verb(value, *f, 64, verb),
            Value::Number(Number::Float32(f)) => self.float_verb(value, f64::from(*f), 32, verb),
            other => match other.basic() {
                Some(basic) => self.basic(value, basic, verb),
                None => self.bad_verb(value, verb),
            },
        }
    }

    fn basic(&mut self, value: &Value, basic: Basic<'_>, verb: char) {
        match basic {
            Basic::Bool(b) => match verb {
                't' | 'v' => self.pad(if b { b"true" } else { b"false" }),
                _ => self.bad_verb(value, verb),
            },
            Basic::Int(i) => self.integer_verb(value, i.unsigned_abs(), i < 0, i as u64, true, verb),
            Basic::Uint(u) => self.integer_verb(value, u, false, u, false, verb),
            Basic::Float(f) => self.float_verb(value, f, 64, verb),
            Basic::Complex(re, im) => self.complex_verb(value, re, im, verb),
            Basic::String(s) => self.string_verb(value, s, verb),
        }
    }

    /// `raw` is the integer's bits, for `%c` and `%U`.
    fn integer_verb(
        &mut self,
        value: &Value,
        magnitude: u64,
        negative: bool,
        raw: u64,
        signed: bool,
        verb: char,
    ) {
        match verb {
            'v' if self.flags.sharp_v && !signed => self.hex_integer(magnitude, true),
            'v' | 'd' => self.integer(magnitude, negative, 10, verb, false),
            'b' => self.integer(magnitude, negative, 2, verb, false),
            'o' | 'O' => self.integer(magnitude, negative, 8, verb, false),
            'x' => self.integer(magnitude, negative, 16, verb, false),
            'X' => self.integer(magnitude, negative, 16, verb, true),
            'c' => self.character(raw, false),
            'q' => self.character(raw, true),
            'U' => self.unicode(raw),
            _ => self.bad_verb(value, verb),
        }
    }

    fn float_verb(&mut self, value: &Value, f: f64, bits: u32, verb: char) {
        match verb {
            'v' => self.float(f, bits, 'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => self.float(f, bits, verb, None),
            'f' | 'e' | 'E' => self.float(f, bits, verb, Some(6)),
            'F' => self.float(f, bits, 'f', Some(6)),
            _ => self.bad_verb(value, verb),
        }
    }

    fn complex_verb(&mut self, value: &Value, re: f64, im: f64, verb: char) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(value, verb);
        }
        let plus = self.flags.plus;
        self.str("(");
        self.float_verb(value, re, 64, verb);
        self.flags.plus = true;
        self.float_verb(value, im, 64, verb);
        self.str("i)");
        self.flags.plus = plus;
    }

    fn string_verb(&mut self, value: &Value, s: &[u8], verb: char) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted_text(s),
            'v' | 's' => self.text(s),
            'x' => self.hex_text(s, false),
            'X' => self.hex_text(s, true),
            'q' => self.quoted_text(s),
            _ => self.bad_verb(value, verb),
        }
    }

    fn bytes(&mut self, value: &Value, bytes: &[u8], verb: char, depth: usize) {
        match verb {
            's' | 'x' | 'X' | 'q' => self.string_verb(value, bytes, verb),
            _ => {
                let sharp = self.flags.sharp_v;
                self.str(match (sharp, depth, verb) {
                    (false, ..) => "[",
                    (true, 0, 'v' | 'd') => "[]byte{",
                    (true, ..) => "[]uint8{",
                });
                for (i, byte) in bytes.iter().enumerate() {
                    if i > 0 {
                        self.str(if sharp { ", " } else { " " });
                    }
                    if sharp && matches!(verb, 'v' | 'd') {
                        self.hex_integer(u64::from(*byte), true);
                    } else {
                        self.value(&Value::Number(Number::Uint8(*byte)), verb, 1);
                    }
                }
                self.str(if sharp { "}" } else { "]" });
            }
        }
    }

    fn list(&mut self, list: &List, ty: Type, verb: char, depth: usize) {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.str(&ty.to_string());
            if list.is_nil() {
                return self.str("(nil)");
            }
        }
        self.str(if sharp { "{" } else { "[" });
        for (i, item) in list.items().iter().enumerate() {
            if i > 0 {
                self.str(if sharp { ", " } else { " " });
            }
            self.value(item, verb, depth + 1);
            if self.exceeded.is_some() {
                return;
            }
        }
        self.str(if sharp { "}" } else { "]" });
    }

    fn map(&mut self, map: &Map, ty: Type, verb: char, depth: usize) {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.str(&ty.to_string());
            if map.is_nil() {
                return self.str("(nil)");
            }
        }
        self.str(if sharp { "{" } else { "map[" });
        for (i, (key, item)) in map.borrow().iter().enumerate() {
            if i > 0 {
                self.str(if sharp { ", " } else { " " });
            }
            self.value(&Value::String(key.clone()), verb, depth + 1);
            self.str(":");
            self.value(item, verb, depth + 1);
            if self.exceeded.is_some() {
                return;
            }
        }
        self.str(if sharp { "}" } else { "]" });
    }

    fn object(&mut self, value: &Value, object: &dyn Object, verb: char, depth: usize) {
        let by_method = !self.erroring && !self.flags.sharp_v && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q');
        if let (true, Some(text)) = (by_method, object.display()) {
            return self.string_verb(value, text.as_bytes(), verb);
        }
        match object.data() {
            Some(Value::List(list)) => return self.list(&list, object.ty(), verb, depth),
            Some(Value::Map(map)) => return self.map(&map, object.ty(), verb, depth),
            Some(data) => return self.value(&data, verb, depth),
            None => {}
        }
        if object.is_pointer() {
            match depth {
                0 => self.str("&"),
                // Go prints the address with these verbs; here it is what the pointer points to.
                _ if matches!(verb, 'v' | 'p' | 'b' | 'o' | 'd' | 'x' | 'X') => {}
                _ => return self.bad_verb(value, verb),
            }
        }
        let sharp = self.flags.sharp_v;
        if sharp {
            let name = value.type_name();
            self.str(name.trim_start_matches('*'));
        }
        self.str("{");
        for (i, (name, field)) in object.fields().iter().enumerate() {
            if i > 0 {
                self.str(if sharp { ", " } else { " " });
            }
            if sharp || self.flags.plus_v {
                self.str(name);
                self.str(":");
            }
            self.value(field, verb, depth + 1);
        }
        self.str("}");
    }

    /// Pointers, and `%p` of anything.
    fn pointer(&mut self, value: &Value, verb: char) {
        let address = match value {
            Value::List(list) if !list.is_nil() => list.address(),
            Value::Map(map) if !map.is_nil() => map.address(),
            Value::List(_) | Value::Map(_) | Value::NilPointer(_) | Value::Func(_) => 0,
            Value::Bytes(bytes) => bytes.as_ptr().addr(),
            _ => return self.bad_verb(value, verb),
        } as u64;
        match verb {
            'v' if self.flags.sharp_v => {
                let name = value.type_name();
                self.str(&format!("({name})(nil)"));
            }
            'v' if address == 0 => self.pad(b"<nil>"),
            'v' | 'p' => {
                let leading = !self.flags.sharp;
                self.hex_integer(address, leading);
            }
            'b' | 'o' | 'd' | 'x' | 'X' => self.integer_verb(value, address, false, address, false, verb),
            _ => self.bad_verb(value, verb),
        }
    }

    /// `%!verb(type=value)`.
    pub(super) fn bad_verb(&mut self, value: &Value, verb: char) {
        self.erroring = true;
        self.str("%!");
        self.char(verb);
        self.str("(");
        if matches!(value, Value::Nil) {
            self.str("<nil>");
        } else {
            let name = value.type_name();
            self.str(&name);
            self.str("=");
            self.value(value, 'v', 0);
        }
        self.str(")");
        self.erroring = false;
    }

    /// `%!(EXTRA type=value, …)`.
    pub(super) fn extra(&mut self, args: &[Value]) {
        self.flags = Flags::default();
        self.str("%!(EXTRA ");
        for (i, arg) in args.iter().enumerate() {
            if i > 0 {
                self.str(", ");
            }
            if matches!(arg, Value::Nil) {
                self.str("<nil>");
            } else {
                let name = arg.type_name();
                self.str(&name);
                self.str("=");
                self.argument(arg, 'v');
            }
        }
        self.str(")");
    }

    /// The verb at the start of `format` and its width in bytes.
    pub(super) fn verb(format: &[u8]) -> (char, usize) {
        utf8::decode(format).unwrap_or((char::REPLACEMENT_CHARACTER, 0))
    }
}
