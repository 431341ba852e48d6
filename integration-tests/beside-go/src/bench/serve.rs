//! Our side: answers requests with go-template and the functions of helm-engine, or with helm-engine itself.

use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use go_template::{Executor, Funcs, List, Map, MissingKey, Options, TemplateSet, Value};
use helm_chart::{Chart, Limits, Values};
use helm_engine::{Capabilities, Host, KubeVersion, LoadedChart, Operation, ReleaseOptions};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::chart_files;
use super::protocol::{File, Reply, Request};

/// Answers requests from standard input until it ends.
///
/// # Errors
/// When standard input or output fails. What a request asks for in vain is its reply's `error`.
pub fn serve() -> anyhow::Result<()> {
    let mut loaded = Loaded::default();
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.context("cannot read requests")?;
        let reply = loaded
            .answer(&line)
            .unwrap_or_else(|error| Reply { error: error.to_string(), ..Reply::default() });
        writeln!(output, "{}", serde_json::to_string(&reply)?).context("cannot reply")?;
        output.flush().context("cannot reply")?;
    }
    Ok(())
}

/// What was loaded last.
#[derive(Default)]
enum Loaded {
    #[default]
    Nothing,
    Templates(Templates),
    Chart(Box<LoadedChart>),
}

impl Loaded {
    fn answer(&mut self, line: &str) -> anyhow::Result<Reply> {
        let mut reply = Reply::default();
        match serde_json::from_str(line)? {
            Request::Load { files, data } => *self = Loaded::Templates(Templates::new(files, data)?),
            Request::Chart { folder } => {
                let chart = Chart::load(chart_files::read(&folder)?, &Limits::default())?;
                *self = Loaded::Chart(Box::new(LoadedChart::new(chart)));
            }
            Request::Output => {
                reply.output = String::from_utf8(self.execute()?).context("the output is not UTF-8")?;
            }
            Request::Execute { times } => {
                reply.nanoseconds = timed(times, || self.execute().map(|_| ()))?;
            }
            Request::Parse { times } => {
                let Loaded::Templates(templates) = self else { bail!("there are no templates") };
                reply.nanoseconds = timed(times, || templates.parse())?;
            }
            Request::Peak => reply.kib = peak()?,
        }
        Ok(reply)
    }

    fn execute(&self) -> anyhow::Result<Vec<u8>> {
        match self {
            Loaded::Nothing => bail!("nothing is loaded"),
            Loaded::Templates(templates) => templates.execute(),
            Loaded::Chart(chart) => render(chart),
        }
    }
}

/// A chart's objects that are no hooks.
fn render(chart: &LoadedChart) -> anyhow::Result<Vec<u8>> {
    let release = ReleaseOptions {
        name: "demo".into(),
        namespace: "space".into(),
        revision: 1,
        operation: Operation::Install,
    };
    let capabilities = Capabilities::new(KubeVersion::parse("v1.36.0")?, vec!["v1".into()]);
    let rendered = chart.render(&Values::new(), &release, &capabilities, &Host::default())?;
    Ok(rendered.manifest().into_bytes())
}

/// Templates without a chart.
struct Templates {
    set: TemplateSet,
    funcs: Funcs,
    files: Vec<File>,
    data: Value,
}

impl Templates {
    fn new(files: Vec<File>, data: serde_json::Value) -> anyhow::Result<Self> {
        let funcs = helm_engine::functions(&Host::default());
        let set = TemplateSet::new(funcs.names()).named("gotpl");
        let mut templates = Self { set, funcs, files, data: value(data) };
        templates.parse()?;
        Ok(templates)
    }

    /// Puts the files into the set, in place of what an earlier call put there.
    fn parse(&mut self) -> anyhow::Result<()> {
        for file in &self.files {
            self.set.parse(&file.name, &file.text)?;
        }
        Ok(())
    }

    /// The output of all files that are no partials. As in a render, they share one executor.
    fn execute(&self) -> anyhow::Result<Vec<u8>> {
        let options = Options { missing_key: MissingKey::Zero, ..Options::default() };
        let mut executor = Executor::new(&self.set, &self.funcs, options);
        let mut out = Vec::new();
        for file in self.files.iter().filter(|file| !file.name.starts_with('_')) {
            executor.execute_into(&file.name, self.data.clone(), &mut out)?;
        }
        Ok(out)
    }
}

/// As Go reads JSON without being told types: every number is a float64.
fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => value.into(),
        serde_json::Value::Number(number) => number.as_f64().unwrap_or(f64::NAN).into(),
        serde_json::Value::String(text) => text.into(),
        serde_json::Value::Array(items) => List::new(items.into_iter().map(value).collect()).into(),
        serde_json::Value::Object(entries) => {
            let map = Map::new();
            for (key, entry) in entries {
                map.insert(key, value(entry));
            }
            map.into()
        }
    }
}

/// The processor's time for so many runs, in nanoseconds.
fn timed(times: u32, mut run: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let before = processor()?;
    for _ in 0..times {
        run()?;
    }
    u64::try_from((processor()? - before).as_nanos()).context("more than 500 years")
}

fn processor() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok(duration(usage.user_time())? + duration(usage.system_time())?)
}

fn duration(time: TimeVal) -> anyhow::Result<Duration> {
    Ok(Duration::from_secs(time.tv_sec().try_into()?) + Duration::from_micros(time.tv_usec().try_into()?))
}

/// The most memory that was resident, in KiB. Not getrusage's, which remembers the program that started this one.
fn peak() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib =
        line.and_then(|line| line.trim().strip_suffix(" kB")).context("/proc/self/status has no VmHWM")?;
    let kib = kib.parse()?;
    ensure!(kib > 0, "VmHWM is 0");
    Ok(kib)
}
