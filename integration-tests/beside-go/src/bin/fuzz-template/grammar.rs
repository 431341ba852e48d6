//! Random templates, made by the grammar: most of what they do is allowed, some is not.

use crate::data::{Data, Kind};
use crate::literal;
use crate::random::Random;
use crate::signatures::{BUILTINS, SPRIGS, Signature};

const KINDS: &[Kind] =
    &[Kind::Str, Kind::Int, Kind::Float, Kind::Bool, Kind::List, Kind::Map, Kind::Func, Kind::Any];
const NAMES: &[&str] = &["$x", "$y", "$z", "$long_1", "$é"];
const TEMPLATES: &[&str] = &["one", "two", "three", "a b", "é\\n", "four", "five", "t"];

/// A template for `data`.
pub(crate) fn template(random: &mut Random, data: &Data, sprig: bool) -> String {
    let mut grammar = Grammar::new(random, data, sprig);
    for _ in 0..*grammar.random.pick(&[0, 0, 0, 1, 2]) {
        grammar.definition();
    }
    grammar.statements();
    grammar.out
}

/// A pipeline by itself, for mutations.
pub(crate) fn pipeline(random: &mut Random, data: &Data, sprig: bool) -> String {
    let mut grammar = Grammar::new(random, data, sprig);
    grammar.depth = 2;
    grammar.pipeline(Kind::Any);
    grammar.out
}

struct Grammar<'a> {
    random: &'a mut Random,
    data: &'a Data,
    sprig: bool,
    out: String,
    /// The templates defined so far.
    defined: Vec<&'static str>,
    /// The variables in scope.
    vars: Vec<(&'static str, Kind)>,
    /// Loops around the place.
    loops: usize,
    /// Blocks and parentheses around the place.
    depth: usize,
}

impl<'a> Grammar<'a> {
    fn new(random: &'a mut Random, data: &'a Data, sprig: bool) -> Self {
        let (defined, vars) = (Vec::new(), Vec::new());
        Grammar { random, data, sprig, out: String::new(), defined, vars, loops: 0, depth: 0 }
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.random.chance(percent)
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn choose(&mut self, texts: &[&str]) {
        let text = self.random.word(texts);
        self.push(text);
    }

    fn open(&mut self) {
        self.choose(&["{{ ", "{{ ", "{{ ", "{{ ", "{{", "{{- ", "{{- ", "{{-\t", "{{\n  ", "{{-\n"]);
    }

    fn close(&mut self) {
        self.choose(&[" }}", " }}", " }}", " }}", "}}", " -}}", " -}}", "\n}}", "\t-}}", " \r\n }}"]);
    }

    /// An action with a keyword, or none.
    fn action(&mut self, word: &str, inside: impl FnOnce(&mut Self)) {
        self.open();
        self.push(word);
        inside(self);
        self.close();
    }

    fn statements(&mut self) {
        let scope = self.vars.len();
        let count = 1 + self.random.below(if self.depth == 0 { 4 } else { 2 });
        for _ in 0..count {
            self.statement();
        }
        self.vars.truncate(scope);
    }

    fn block(&mut self) {
        self.depth += 1;
        self.statements();
        self.depth -= 1;
    }

    fn statement(&mut self) {
        if self.chance(30) {
            self.choose(&[
                "x", " ", "\n", " text ", "\n\n  ", "\t", "é", "a\r\n", "-", "{ ", "}", "\u{a0}", "*/", "\0",
            ]);
        }
        match self.random.below(if self.depth > 3 { 60 } else { 100 }) {
            0..36 => self.action("", |g| g.pipeline(Kind::Any)),
            36..46 => self.declaration(),
            46..49 => self.comment(),
            49..53 => self.template_call(),
            53..60 => {
                if self.chance(6) {
                    self.action("", |g| {
                        g.choose(&["break", "continue 1", "end", "else", "else if 1", "", "define \"x\""])
                    });
                } else if self.loops > 0 {
                    self.action("", |g| g.choose(&["break", "continue"]));
                } else {
                    self.choose(&["text", "line\n", "}}", "{ "]);
                }
            }
            60..72 => self.conditional("if "),
            72..80 => self.conditional("with "),
            80..93 => self.range(),
            _ => self.definition(),
        }
    }

    fn declaration(&mut self) {
        let kind = *self.random.pick(KINDS);
        let assign = self.chance(35) && !self.vars.is_empty();
        let name = match assign {
            true => self.vars[self.random.below(self.vars.len())].0,
            false => *self.random.pick(NAMES),
        };
        self.action(name, |g| {
            g.choose(if assign { &[" = ", " = ", " =\n", " := "] } else { &[" := ", ":=", " :=\n"] });
            g.pipeline(kind);
        });
        if !assign {
            self.vars.push((name, kind));
        }
    }

    fn comment(&mut self) {
        if self.chance(6) {
            return self.choose(&["{{/* c }}", "{{ /* c */}}", "{{/* c */ }}"]);
        }
        self.choose(&["{{/* c */}}", "{{- /* c\n */ -}}", "{{/*\n*/}}", "{{- /**/}}", "{{/* }} */ -}}"]);
    }

    fn conditional(&mut self, word: &str) {
        let scope = self.vars.len();
        self.action(word, |g| g.control(Kind::Any));
        self.block();
        while self.chance(20) {
            let other = if self.chance(85) { word } else { "with " };
            self.action("else ", |g| {
                g.push(other);
                g.control(Kind::Bool);
            });
            self.block();
        }
        if self.chance(35) {
            self.action("else", |_| {});
            self.block();
        }
        self.vars.truncate(scope);
        self.end();
    }

    fn end(&mut self) {
        if self.chance(99) {
            self.action("end", |_| {});
        }
    }

    /// The pipeline of `if` or `with`, perhaps with a variable.
    fn control(&mut self, kind: Kind) {
        if self.chance(12) {
            let name = *self.random.pick(NAMES);
            self.push(name);
            self.choose(&[" := ", " := ", " := ", " := ", " := ", " := ", " := ", " = "]);
            self.pipeline(kind);
            self.vars.push((name, kind));
            return;
        }
        self.pipeline(kind);
    }

    fn range(&mut self) {
        let scope = self.vars.len();
        let kind = *self.random.pick(&[
            Kind::List,
            Kind::List,
            Kind::List,
            Kind::Map,
            Kind::Map,
            Kind::Int,
            Kind::Any,
        ]);
        let names = [*self.random.pick(NAMES), *self.random.pick(NAMES)];
        let count = *self.random.pick(&[0, 0, 1, 2, 2]);
        self.action("range ", |g| {
            if count > 0 {
                g.push(names[0]);
                if count > 1 {
                    g.choose(&[", ", ",", " , "]);
                    g.push(names[1]);
                }
                g.choose(&[" := ", " := ", " := ", " = "]);
            }
            g.pipeline(kind);
        });
        self.vars.extend(names[..count].iter().map(|name| (*name, Kind::Any)));
        self.loops += 1;
        self.block();
        self.loops -= 1;
        self.vars.truncate(scope);
        if self.chance(25) {
            self.action("else", |_| {});
            self.block();
        }
        self.end();
    }

    fn definition(&mut self) {
        let mut name = *self.random.pick(TEMPLATES);
        while self.defined.contains(&name) && self.defined.len() < 4 && self.chance(98) {
            name = *self.random.pick(TEMPLATES);
        }
        let block = self.depth > 0 && self.chance(98) || self.chance(40);
        self.defined.push(name);
        self.action(if block { "block " } else { "define " }, |g| {
            g.push(&format!("\"{name}\""));
            if block {
                g.push(" ");
                g.pipeline(Kind::Any);
            }
        });
        let (vars, loops) = (std::mem::take(&mut self.vars), std::mem::take(&mut self.loops));
        self.block();
        (self.vars, self.loops) = (vars, loops);
        self.end();
    }

    fn template_call(&mut self) {
        let name = match self.defined.is_empty() || self.chance(5) {
            true if self.chance(85) => return self.choose(&["text", " "]),
            true => *self.random.pick(TEMPLATES),
            false => self.defined[self.random.below(self.defined.len())],
        };
        if self.chance(30) {
            let include = self.chance(50);
            return self.action(if include { "t_include " } else { "t_tpl " }, |g| {
                let text = if include { format!("\"{name}\"") } else { literal::string(g.random) };
                g.push(&(text + " "));
                g.operand(Kind::Any);
            });
        }
        self.action("template ", |g| {
            g.push(&format!("\"{name}\""));
            if g.chance(60) {
                g.push(" ");
                g.pipeline(Kind::Any);
            }
        });
    }

    /// Commands, each giving its result to the next.
    fn pipeline(&mut self, kind: Kind) {
        let kind = if self.chance(3) { *self.random.pick(KINDS) } else { kind };
        if self.chance(70) {
            return self.command(kind, None);
        }
        let Some(last) = self.function_of(kind, true) else { return self.command(kind, None) };
        let first = last.params.last().copied().unwrap_or(Kind::Any);
        if self.chance(30) {
            self.pipeline(first)
        } else {
            self.command(first, None)
        }
        self.choose(&[" | ", " | ", "|", " |\n"]);
        self.command(kind, Some(last));
    }

    fn command(&mut self, kind: Kind, piped: Option<&'static Signature>) {
        if let Some(function) = piped {
            return self.call(function, true);
        }
        match self.random.below(100) {
            0..55 if self.depth < 6 => match self.function_of(kind, false) {
                Some(function) => self.call(function, false),
                None => self.operand(kind),
            },
            55..58 => self.method(),
            58..68 => self.printf(),
            _ => self.operand(kind),
        }
    }

    fn function_of(&mut self, kind: Kind, takes: bool) -> Option<&'static Signature> {
        let sprig = self.sprig && self.chance(75);
        let table: &'static [Signature] = if sprig { &SPRIGS } else { &BUILTINS };
        for _ in 0..12 {
            let function = self.random.pick(table);
            let fits = kind == Kind::Any || function.result == kind;
            if fits && !(takes && function.params.is_empty()) {
                return Some(function);
            }
        }
        None
    }

    fn call(&mut self, function: &Signature, piped: bool) {
        self.push(function.name);
        let fixed = function.params.len() - usize::from(function.variadic);
        let mut count = function.params.len();
        if function.variadic {
            count = fixed + self.random.below(4);
        }
        if self.chance(1) {
            count = self.random.below(count + 3);
        }
        if piped {
            count = count.saturating_sub(1);
        }
        for i in 0..count {
            let kind = function.params.get(i).or(function.params.last()).copied().unwrap_or(Kind::Any);
            self.choose(&[" ", " ", " ", " ", "  ", "\n", "\t"]);
            self.operand(kind);
        }
    }

    fn printf(&mut self) {
        let (format, wanted) = literal::format(self.random);
        let format = if self.chance(10) && !format.contains('`') {
            format!("`{format}`")
        } else {
            literal::quoted(&format)
        };
        self.push(&format!("printf {}", format.replace('\0', " ")));
        let count = if self.chance(10) { self.random.below(4) } else { wanted };
        for _ in 0..count {
            self.push(" ");
            let kind = *self.random.pick(KINDS);
            self.operand(kind);
        }
    }

    fn method(&mut self) {
        let path = match self.data.paths.iter().find(|(path, _)| path.ends_with(".Port")) {
            Some((path, _)) if self.chance(90) => path.trim_end_matches(".Port").to_owned(),
            _ => self.path(Kind::Any),
        };
        self.push(&path);
        self.choose(&[
            ".Greet",
            ".Sum",
            ".Fail",
            ".Next.Name",
            ".Has",
            ".Size",
            ".String",
            ".Any.k",
            ".Tags",
            ".Greet.x",
            ".Next.Next.Name",
        ]);
        for _ in 0..self.random.below(3) {
            self.push(" ");
            let kind = *self.random.pick(&[Kind::Str, Kind::Str, Kind::Int]);
            self.operand(kind);
        }
    }

    /// One word, or a pipeline in parentheses.
    fn operand(&mut self, kind: Kind) {
        let kind = if self.chance(3) { *self.random.pick(KINDS) } else { kind };
        let var = self.vars.iter().rev().find(|var| var.1 == kind || kind == Kind::Any).map(|var| var.0);
        match self.random.below(100) {
            0..16 if self.depth < 5 => self.parentheses(kind),
            16..30 => match var {
                Some(name) => {
                    self.push(name);
                    if self.chance(10) {
                        self.choose(&[".a", ".b.c", ".Name", ".nope"]);
                    }
                }
                None if self.chance(4) => self.choose(&["$x", "$.a", ".a.b.c"]),
                None if kind == Kind::Any => self.choose(&[".", "$"]),
                None => self.literal(kind),
            },
            30..64 => {
                let path = self.path(kind);
                self.push(&path);
            }
            _ => self.literal(kind),
        }
    }

    fn parentheses(&mut self, kind: Kind) {
        self.push("(");
        self.depth += 1;
        self.pipeline(kind);
        self.depth -= 1;
        self.push(")");
        if self.chance(10) {
            self.choose(&[".a", ".b", ".Name", ".a.b", ".nope", ".Greet"]);
        }
    }

    fn path(&mut self, kind: Kind) -> String {
        let fitting = |path: &&(String, Kind)| path.1 == kind || kind == Kind::Any;
        let fitting: Vec<&str> = self.data.paths.iter().filter(fitting).map(|path| &*path.0).collect();
        if fitting.is_empty() && self.random.chance(90) {
            let before = std::mem::take(&mut self.out);
            self.literal(kind);
            return std::mem::replace(&mut self.out, before);
        }
        let mut path = match fitting.is_empty() || self.random.chance(2) {
            true => self.random.word(&[".", ".nope", ".a.nope", ".Name", ".a", ".x.y.z", "."]).to_owned(),
            false => self.random.pick(&fitting).to_string(),
        };
        if self.random.chance(40) {
            path.insert(0, '$');
            if path == "$." {
                path.pop();
            }
        }
        if self.random.chance(1) {
            path.push_str(self.random.word(&[".a", ".nope", ".Greet", ".é", ".1", "."]));
        }
        path
    }

    fn literal(&mut self, kind: Kind) {
        let kind = if kind == Kind::Any { *self.random.pick(KINDS) } else { kind };
        let text = match kind {
            Kind::Str => literal::string(self.random),
            Kind::Int => literal::int(self.random),
            Kind::Float => literal::float(self.random),
            Kind::Bool => (*self.random.pick(&["true", "false"])).to_owned(),
            Kind::List if self.sprig => "(list 1 \"a\" 2.5)".to_owned(),
            Kind::Map if self.sprig => "(dict \"a\" 1 \"b\" (list))".to_owned(),
            Kind::Func => "t_func".to_owned(),
            _ => match self.random.below(4) {
                0 => literal::complex(self.random),
                1 => "nil".to_owned(),
                _ => literal::string(self.random),
            },
        };
        self.push(&text);
    }
}
