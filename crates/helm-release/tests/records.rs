//! Records that the real helm stored (`regenerate.sh`) against this crate's.

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use helm_chart::{Chart, Limits, Mode, SourceFile, Values};
use helm_engine::{Capabilities, Host, KubeVersion, LoadedChart, Operation, ReleaseOptions};
use helm_release::{ApplyMethod, Release, ReleaseName, Stamp, Status, rendered, secret};
use serde_json::Value;

/// Chart and values of each record.
const RECORDS: [(&str, &str); 5] = [
    ("web", "full"),
    ("parent", "default"),
    ("uses-library", "default"),
    ("old", "default"),
    ("hooks", "never"),
];

fn secret_json(chart: &str, values: &str) -> (Vec<u8>, BTreeMap<String, String>, Value) {
    let path = format!("{}/tests/records/{chart}-{values}.secret.json", env!("CARGO_MANIFEST_DIR"));
    let secret: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let data = secret["data"]["release"].as_str().unwrap();
    let data = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
    let labels = serde_json::from_value(secret["metadata"]["labels"].clone()).unwrap();
    (data, labels, secret)
}

/// The JSON inside `data.release`, read without this crate.
fn record_json(data: &[u8]) -> Value {
    let gzip = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
    serde_json::from_reader(flate2::read::GzDecoder::new(gzip.as_slice())).unwrap()
}

#[test]
fn a_record_of_helm_is_written_back_equal() {
    for (chart, values) in RECORDS {
        let (data, labels, secret) = secret_json(chart, values);
        let release = secret::from_secret(&data, &labels).unwrap();
        assert_eq!(serde_json::to_value(&release).unwrap(), record_json(&data), "{chart}");

        let created = labels["createdAt"].parse().unwrap();
        let again = secret::to_secret(&release, Stamp::Created(created)).unwrap();
        assert_eq!(record_json(again.release.as_bytes()), record_json(&data), "{chart}");
        assert_eq!(again.labels, labels, "{chart}");
        assert_eq!(again.name, secret["metadata"]["name"], "{chart}");
        assert_eq!(secret["type"], secret::SECRET_TYPE);
    }
}

#[test]
fn our_record_of_a_release_is_that_of_helm() {
    for (chart, values) in RECORDS {
        let (data, ..) = secret_json(chart, values);
        let mut expected = record_json(&data);
        without_times(&mut expected);
        let release = serde_json::to_value(install(chart, values)).unwrap();
        assert_eq!(release, expected, "{chart}");
    }
}

/// What `helm install --dry-run` records.
fn install(chart: &str, values: &str) -> Release {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../helm-engine/tests");
    let text = std::fs::read_to_string(tests.join(format!("cases/{chart}/{values}.values.yaml"))).unwrap();
    let values = Values::from_yaml(&text).unwrap();
    let folder = tests.join("charts").join(chart);
    let mut source = Vec::new();
    read(&folder, &folder, &mut source);
    let chart = LoadedChart::new(Chart::load(source, &Limits::default()).unwrap());

    let name = ReleaseName::new("demo").unwrap();
    let options = ReleaseOptions {
        name: name.to_string(),
        namespace: "space".into(),
        revision: 1,
        operation: Operation::Install,
    };
    let capabilities =
        Capabilities::new(KubeVersion::parse("v1.37.0").unwrap(), vec!["v1".into(), "apps/v1".into()]);
    let rendered = chart.render(&values, &options, &capabilities, &Host::default()).unwrap();

    let mut release = Release::new(name, "space", 1);
    release.set_status(Status::PendingInstall, "Dry run complete");
    release.info.notes = rendered.notes.clone();
    release.chart = Some(rendered::chart(&rendered.chart));
    release.config = rendered::values(&values);
    release.hooks = rendered::hooks(&rendered.hooks);
    release.manifest = rendered.manifest();
    release.apply_method = ApplyMethod::ServerSide;
    release
}

fn read(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push(SourceFile {
                path: name,
                mode: Mode::File,
                bytes: std::fs::read(&path).unwrap().into(),
            });
        }
    }
}

/// Takes out when the release was made and when the chart's files were changed.
fn without_times(record: &mut Value) {
    match record {
        Value::Object(fields) => {
            for name in ["modtime", "first_deployed", "last_deployed"] {
                fields.remove(name);
            }
            fields.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}
