//! Our side.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::SystemTime;

use go_template::{Error, ErrorKind, Executor, Funcs, Limits, Options, TemplateSet};

use crate::cases::Case;
use crate::host;

/// What became of a case: the output, up to the error if there is one.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Outcome {
    pub(crate) output: Vec<u8>,
    pub(crate) error: Option<Vec<u8>>,
    pub(crate) panic: Option<Vec<u8>>,
}

/// Stops what would keep Go busy for long.
const LIMITS: Limits = Limits { steps: 200_000, depth: 400, output: 1 << 20 };

/// Stack for these limits, and the rest.
pub(crate) const STACK: usize = LIMITS.depth * Limits::STACK_PER_LEVEL + (64 << 20);

pub(crate) struct Engine {
    funcs: Funcs,
    set: TemplateSet,
}

struct Fixed;

impl sprig::Clock for Fixed {
    /// The real time, as Go's side has it.
    fn now(&self) -> (i64, u32) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        (since.as_secs() as i64, since.subsec_nanos())
    }
}

impl sprig::Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = (i as u8).wrapping_mul(37).wrapping_add(11);
        }
    }
}

impl Engine {
    pub(crate) fn new(sprig: bool) -> Self {
        let mut funcs = if sprig { sprig::functions(Rc::new(Fixed), Rc::new(Fixed)) } else { Funcs::new() };
        funcs.extend(host::functions());
        let set = TemplateSet::new(funcs.names()).named("t");
        Engine { funcs, set }
    }

    /// Runs a case; `None` if a budget ended it.
    pub(crate) fn run(&self, case: &Case) -> Option<Outcome> {
        let mut output = Vec::new();
        let result = catch_unwind(AssertUnwindSafe(|| self.evaluate(case, &mut output)));
        let (error, panic) = match result {
            Ok(Ok(())) => (None, None),
            Ok(Err(error)) if matches!(error.root().kind(), ErrorKind::Budget(_)) => return None,
            Ok(Err(error)) => (Some(error.to_string().into_bytes()), None),
            Err(cause) => (None, Some(message(&*cause).into_bytes())),
        };
        Some(Outcome { output, error, panic })
    }

    fn evaluate(&self, case: &Case, output: &mut Vec<u8>) -> Result<(), Error> {
        let mut set = self.set.clone();
        set.parse("t", &case.text)?;
        let options = Options { missing_key: case.missing_key, limits: LIMITS, ..Options::default() };
        let data = serde_json::from_str(&case.data).expect("generated data is JSON");
        Executor::new(&set, &self.funcs, options).execute_into("t", host::value(&data), output)
    }
}

fn message(cause: &(dyn Any + Send)) -> String {
    match (cause.downcast_ref::<&str>(), cause.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic".to_owned(),
    }
}
