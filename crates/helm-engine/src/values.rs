//! The type of `.Values` and its methods (`helm.sh/helm/v4/pkg/chart/common`, `Values`): `.Values.AsMap`, `.Values.Table "a.b"`,
//! `.Values.PathValue "a.b"`, `.Values.YAML`. A method hides a key of its name.

use go_template::{Executor, Func, FuncError, Funcs, Map, Type, Value, quote_bytes};

use crate::yaml::{printed, to_yaml};

/// Helm's map type; `printf "%T" .Values` shows it.
pub(crate) const VALUES: Type = Type::Named(NAME, &Type::ANY_MAP);

const NAME: &str = "common.Values";

/// The methods, for templates to call.
pub(crate) fn add_methods(funcs: &mut Funcs) {
    let yaml = |exec: &mut Executor<'_>, args: &[Value]| {
        let text = to_yaml(&args[0]).map_err(|error| format!("error marshaling into JSON: {error}"))?;
        printed(exec, text + "\n")
    };
    for (name, func) in [
        ("AsMap", Func::new(&[], |_, args| Ok(as_map(&receiver(args)?).into()))),
        ("Table", Func::new(&[Type::String], |_, args| table(&receiver(args)?, &path(args)))),
        (
            "PathValue",
            Func::new(&[Type::String], |_, args| path_value(&receiver(args)?, &path(args)))
                .returning_interface(),
        ),
        ("YAML", Func::new(&[], yaml)),
        // No template has what it writes to.
        ("Encode", Func::new(&[Type::Opaque("io.Writer")], |_, _| Ok(Value::Nil))),
    ] {
        funcs.insert_method(NAME, name, func);
    }
}

fn receiver(args: &[Value]) -> Result<Map, FuncError> {
    args.first().and_then(Value::as_map).ok_or_else(|| "there are no values".into())
}

fn path(args: &[Value]) -> String {
    args.get(1).and_then(Value::as_str).map(|text| text.to_str().into_owned()).unwrap_or_default()
}

fn as_map(values: &Map) -> Map {
    if values.is_empty() { Map::new() } else { values.converted(Type::ANY_MAP) }
}

fn table(values: &Map, path: &str) -> Result<Value, FuncError> {
    Ok(table_at(values, path).map_err(no("table"))?.into())
}

/// The table at a path of keys joined by dots; otherwise the key that leads to none.
pub(crate) fn table_at<'p>(values: &Map, path: &'p str) -> Result<Map, &'p str> {
    let mut table = values.clone();
    for key in path.split('.') {
        table = match table.get(key) {
            Some(Value::Map(map)) if map.ty() == Type::ANY_MAP || map.ty() == VALUES => map.converted(VALUES),
            _ => return Err(key),
        };
    }
    Ok(table)
}

/// What is at a path of keys joined by dots and is no table.
fn path_value(values: &Map, path: &str) -> Result<Value, FuncError> {
    if path.is_empty() {
        return Err("YAML path cannot be empty".into());
    }
    let (table, key) = match path.rsplit_once('.') {
        Some((path, key)) => (table_at(values, path).map_err(|_| no("value")(key))?, key),
        None => (values.clone(), path),
    };
    let found = table.get(key).filter(|value| value.ty() != Some(Type::ANY_MAP));
    found.ok_or_else(|| no("value")(key))
}

fn no(thing: &str) -> impl Fn(&str) -> FuncError {
    move |key| {
        let quoted = String::from_utf8_lossy(&quote_bytes(key.as_bytes(), false)).into_owned();
        FuncError::message(format!("{quoted} is not a {thing}"))
    }
}
