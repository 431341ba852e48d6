//! `.Files`: the chart's files that are no templates.

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use go_template::{Executor, FuncError, List, Map, Object, Signature, Str, Type, Value};
use helm_chart::ChartFile;

use crate::glob::Glob;
use crate::yaml::to_yaml;

/// `.Files`, or what `.Files.Glob` leaves of it: a map from paths to contents, with methods.
pub(crate) struct Files(Rc<BTreeMap<String, Arc<[u8]>>>);

impl Files {
    pub(crate) fn new(files: &[ChartFile]) -> Self {
        Self(Rc::new(files.iter().map(|file| (file.name.clone(), file.data.clone())).collect()))
    }

    fn bytes(&self, path: &str) -> Str {
        self.0.get(path).map_or_else(Str::default, |data| Str::from(&**data))
    }

    fn glob(&self, pattern: &str) -> Self {
        let glob = Glob::parse(pattern).unwrap_or_else(Glob::everything);
        let matching = self.0.iter().filter(|(path, _)| glob.matches(path));
        Self(Rc::new(matching.map(|(path, data)| (path.clone(), data.clone())).collect()))
    }

    fn lines(&self, path: &str) -> Vec<Str> {
        match self.0.get(path).map(|data| data.strip_suffix(b"\n").unwrap_or(data)) {
            Some(data) if !self.0[path].is_empty() => {
                data.split(|&byte| byte == b'\n').map(Str::from).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The contents under the files' names without folders, as YAML. Of equal names the last counts.
    fn by_name(&self, content: impl Fn(&[u8]) -> Str) -> Str {
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let entries = self.0.iter().map(|(path, data)| (name(path), content(data)));
        to_yaml(&Value::Map(Map::of_strings(entries))).unwrap_or_default().into()
    }
}

impl Object for Files {
    fn ty(&self) -> Type {
        Type::Named("engine.files", &Type::Map(&Type::BYTES))
    }

    fn field(&self, path: &str) -> Option<Value> {
        self.0.get(path).map(|data| Value::Bytes(Str::from(&**data)))
    }

    fn method(&self, name: &str) -> Option<Signature> {
        match name {
            "Get" | "GetBytes" | "Glob" | "Lines" => Some(Signature::fixed(&[Type::String])),
            "AsConfig" | "AsSecrets" => Some(Signature::fixed(&[])),
            _ => None,
        }
    }

    fn call(&self, exec: &mut Executor<'_>, name: &str, args: &[Value]) -> Result<Value, FuncError> {
        let argument = args.first().and_then(Value::as_str).map(Str::to_str).unwrap_or_default();
        let size = |files: &Self| files.0.values().map(|data| data.len() as u64).sum::<u64>();
        Ok(match name {
            "Get" | "GetBytes" | "Lines" => {
                let bytes = self.bytes(&argument);
                exec.charge_bytes(bytes.len() as u64)?;
                match name {
                    "Get" => Value::String(bytes),
                    "GetBytes" => Value::Bytes(bytes),
                    _ => Value::List(List::of_strings(self.lines(&argument))),
                }
            }
            "Glob" => {
                let names: usize = self.0.keys().map(String::len).sum();
                exec.charge((names.saturating_mul(argument.len().max(1)) / 16) as u64)?;
                Value::object(self.glob(&argument))
            }
            "AsConfig" => {
                exec.charge_bytes(size(self))?;
                Value::String(self.by_name(|data| Str::from(data)))
            }
            "AsSecrets" => {
                exec.charge_bytes(size(self).saturating_mul(4) / 3)?;
                Value::String(self.by_name(|data| STANDARD.encode(data).into()))
            }
            _ => return Err(FuncError::message(format!("no method {name}"))),
        })
    }

    fn data(&self) -> Option<Value> {
        let map = Map::typed(Type::Map(&Type::BYTES));
        for (path, data) in &*self.0 {
            map.insert(path.as_str(), Value::Bytes(Str::from(&**data)));
        }
        Some(Value::Map(map))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
