//! The cases in `cases/post_render*/*.cases` post-rendered by this crate and by kustomize as Flux runs it
//! (`integration-tests/oracle/kustomize/cmd/post-render`, which has the cases' format): equal objects in equal order, and an
//! error where kustomize has one.
//!
//! In `cases/post_render_differs` are those that differ on purpose: beside kustomize's results lie ours (`.ours`), in the
//! same form. In `cases/post_render_directives` are those whose directives kustomize does not know; their results come from the
//! API server's library (`…/cmd/directives`).

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use std::collections::BTreeMap;
use std::path::Path;

use go_yaml::Value;
use helm_chart::{Chart, Limits, Mode, SourceFile, Values};
use helm_engine::post_render::{
    CommonMetadata, ImageSpec, KustomizeSpec, PatchSpec, PostRender, SelectorSpec,
};
use helm_engine::{
    Budgets, Capabilities, HOOK, Host, KindOrder, KubeVersion, LoadedChart, Operation, ReleaseOptions,
    Rendered, sort_by_kind,
};

#[test]
fn every_case_is_as_kustomize_has_it() {
    let mut count = 0;
    let mut differences = Vec::new();
    for (name, case) in cases("post_render") {
        count += 1;
        if let Err(difference) = compare(&case.body, &case.shared, &case.kustomize) {
            differences.push(format!("{name}\n{difference}"));
        }
    }
    assert!(count >= 150, "only {count} cases were found");
    assert!(differences.is_empty(), "{} of {count} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn what_differs_on_purpose_differs_as_it_is_meant_to() {
    let mut count = 0;
    let mut differences = Vec::new();
    for (name, case) in cases("post_render_differs") {
        count += 1;
        if let Err(difference) = compare(&case.body, &case.shared, &case.ours) {
            differences.push(format!("{name}\n{difference}"));
        }
        if compare(&case.body, &case.shared, &case.kustomize).is_ok() {
            differences.push(format!("{name}\n  kustomize has it so, too"));
        }
    }
    assert!(count >= 10, "only {count} cases were found");
    assert!(differences.is_empty(), "{} of {count} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn directives_are_as_the_api_server_has_them() {
    let cases = cases("post_render_directives");
    let differs = |(name, case): &(String, Case)| {
        let difference = compare(&case.body, &case.shared, &case.kustomize).err()?;
        Some(format!("{name}\n{difference}"))
    };
    let differences: Vec<_> = cases.iter().filter_map(differs).collect();
    assert!(cases.len() >= 10, "only {} cases were found", cases.len());
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn errors_name_the_field_and_the_object() {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: secret}\n";
    let rows = [
        (">>> patch\n", "spec.postRenderers[0].kustomize.patches[0].patch is no patch: it is empty"),
        (
            ">>> patch {}\n- {op: test, path: /data}\n>>> patch\n- {op: test, path: /data}\n",
            "spec.postRenderers[0].kustomize.patches[1].patch is no patch: a JSON patch needs a target",
        ),
        (
            ">>> patch {}\n[]\n>>> renderer\n>>> patch {}\n- {op: delete, path: /data}\n",
            "spec.postRenderers[1].kustomize.patches[0].patch is no patch: operation 0 has op delete; there are add, remove, replace, move, copy and test",
        ),
        (
            ">>> patch {}\ntext\n",
            "spec.postRenderers[0].kustomize.patches[0].patch is no patch: it is neither a list of operations (a JSON patch) nor an object (a strategic merge patch)",
        ),
        (
            ">>> patch {}\n[{op: add}]\n",
            "spec.postRenderers[0].kustomize.patches[0].patch is no patch: it begins with [ and is not JSON: invalid character 'o' looking for beginning of object key string",
        ),
        (
            ">>> patch {}\na: [\n",
            "spec.postRenderers[0].kustomize.patches[0].patch is no patch: it is not YAML: yaml: line 1: did not find expected node content",
        ),
        (
            ">>> patch {}\nkind: ConfigMap\n",
            "spec.postRenderers[0].kustomize.patches[0].patch is no patch: a strategic merge patch has a metadata.name, even if its target says which objects it is for",
        ),
        (
            ">>> patch {kind: '('}\n- {op: test, path: /data}\n",
            "spec.postRenderers[0].kustomize.patches[0].target is no selector: kind: error parsing regexp: missing closing ): `^(?:()$`",
        ),
        (
            ">>> patch {labelSelector: 'a in'}\n- {op: test, path: /data}\n",
            "spec.postRenderers[0].kustomize.patches[0].target is no selector: labelSelector: the end where `(` is expected",
        ),
        (
            ">>> image {name: '('}\n",
            "spec.postRenderers[0].kustomize.images[0].name is no name of an image: error parsing regexp: missing closing ): `^((:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$`",
        ),
        (
            ">>> patch {}\n- {op: test, path: /data/a, value: b}\n",
            "spec.postRenderers[0].kustomize.patches[0] cannot be applied to ConfigMap a (c/templates/objects.yaml): operation 0 (test): the value of /data/a is another one",
        ),
        (
            ">>> patch\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: [secret]}\n",
            "spec.postRenderers[0].kustomize.patches[0] cannot be applied to ConfigMap a (c/templates/objects.yaml): data.a is a plain value in the object and a list in the patch",
        ),
        (
            ">>> patch\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: space}\n",
            "spec.postRenderers[0].kustomize.patches[0] is for ConfigMap b in namespace space, and the chart renders none; check apiVersion, kind, name and namespace, or give a target",
        ),
        (
            ">>> patch {}\n- {op: remove, path: /kind}\n",
            "an object of c/templates/objects.yaml has no kind, which spec.postRenderers and spec.commonMetadata need",
        ),
        (
            ">>> patch {}\n- {op: add, path: /metadata/labels, value: text}\n>>> common {labels: {a: b}}\n",
            "spec.commonMetadata cannot be applied to ConfigMap a (c/templates/objects.yaml): its labels is no map",
        ),
    ];
    for (case, expected) in rows {
        let error = post_rendered(&format!(">>> objects\n{object}{case}"), &BTreeMap::new()).unwrap_err();
        assert_eq!(error, expected);
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn what_does_not_change_keeps_its_text_and_all_keep_their_template() {
    let same = "# why\napiVersion:   v1\nkind: ConfigMap\nmetadata: {name: same}   # so\n";
    let rendered = render_files(&[
        ("templates/b.yaml", &format!("kind: Service\nmetadata: {{name: b}}\n---\n{same}")),
        ("templates/a.yaml", "kind: ConfigMap\napiVersion: v1\nmetadata: {name: changed}\n"),
        (
            "templates/h.yaml",
            "kind: ConfigMap\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-install}}\n",
        ),
    ]);
    let spec =
        |target: &str, patch: &str| PatchSpec { patch: patch.to_owned(), target: Some(selector(target)) };
    let patches = vec![
        // It sets what is there.
        spec("{name: same}", "[{\"op\": \"add\", \"path\": \"/kind\", \"value\": \"ConfigMap\"}]"),
        spec("{name: changed}", "[{\"op\": \"add\", \"path\": \"/data\", \"value\": {\"a\": \"b\"}}]"),
        spec(
            "{name: b}",
            "[{\"op\": \"add\", \"path\": \"/metadata/annotations/helm.sh~1hook\", \"value\": \"post-install,test\"}]",
        ),
        spec("{name: hook}", "kind: x\nmetadata: {name: x, annotations: {helm.sh/hook-weight: 5}}\n"),
    ];
    let kustomize = KustomizeSpec { patches, images: Vec::new() };
    let post_render = PostRender::parse(&[kustomize], CommonMetadata::default()).unwrap();
    let done = post_render.apply(rendered.clone(), &Budgets::default()).unwrap();
    let expected = format!(
        "---\n# Source: c/templates/a.yaml\napiVersion: v1\ndata:\n  a: b\nkind: ConfigMap\nmetadata:\n  name: changed\n\n---\n# Source: c/templates/b.yaml\n{same}\n"
    );
    assert_eq!(done.manifest(), expected);
    let hooks: Vec<_> =
        done.hooks.iter().map(|hook| (&*hook.path, &*hook.name, hook.weight, &*hook.events)).collect();
    let event = str::to_owned;
    let service = [event("post-install"), event("test")];
    let config_map = [event("pre-install")];
    let expected = [
        ("c/templates/h.yaml", "hook", 5, config_map.as_slice()),
        ("c/templates/b.yaml", "b", 0, service.as_slice()),
    ];
    assert_eq!(hooks, expected);
    let nothing = PostRender::parse(&[KustomizeSpec::default()], CommonMetadata::default()).unwrap();
    assert!(nothing.is_empty());
    assert_eq!(nothing.apply(rendered.clone(), &Budgets::default()).unwrap(), rendered);
}

#[test]
fn it_ends_within_the_budgets_of_a_render() {
    let objects: String =
        (0..100).map(|i| format!("kind: ConfigMap\nmetadata: {{name: c{i}}}\n---\n")).collect();
    let rendered = render(&objects);
    let add = |bytes: usize| PatchSpec {
        patch: format!("- {{op: add, path: /data, value: {{a: {}}}}}", "x".repeat(bytes)),
        target: Some(SelectorSpec::default()),
    };
    let run = |patches: Vec<PatchSpec>, budgets: &Budgets| {
        let kustomize = KustomizeSpec { patches, images: Vec::new() };
        let post_render = PostRender::parse(&[kustomize], CommonMetadata::default()).unwrap();
        post_render.apply(rendered.clone(), budgets).map(drop).map_err(|error| chain(&error))
    };
    let stopped = |why: &str| Err(format!("spec.postRenderers and spec.commonMetadata were stopped: {why}"));
    let few_steps = Budgets { steps: 1000, ..Budgets::default() };
    let few_bytes = Budgets { output: 1000, ..Budgets::default() };
    let interrupted = Budgets { interrupt: Some(std::sync::Arc::new(|| true)), ..Budgets::default() };
    assert_eq!(run(vec![add(10)], &Budgets::default()), Ok(()));
    assert_eq!(
        run(vec![add(1); 100], &few_steps),
        stopped("the objects and patches take more than 1000 steps")
    );
    assert_eq!(run(vec![add(100)], &few_bytes), stopped("the objects would have more than 1000 bytes"));
    assert_eq!(run(vec![add(1)], &interrupted), stopped("it was interrupted"));
    // 100 patches of 64 KiB each for 100 objects would be 640 MiB.
    let default = Budgets::default().output;
    assert_eq!(
        run(vec![add(1 << 16); 100], &Budgets::default()),
        stopped(&format!("the objects would have more than {default} bytes"))
    );
}

#[test]
fn the_deepest_objects_and_patches_fit_the_stack() {
    let nested =
        |levels: usize, inner: &str| format!("{}{inner}{}", "{a: ".repeat(levels), "}".repeat(levels));
    let object = |inner: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\na: {}\n", nested(198, inner))
    };
    let body = format!(">>> objects\n{}>>> patch\n{}>>> image {{name: a}}\n", object("1"), object("2"));
    let expected = object("2");
    assert_eq!(compare(&body, &BTreeMap::new(), &expected), Ok(()));
    let containers = |kind: &str| {
        let list = (0..48).fold("[]".to_owned(), |inner, _| {
            format!("[{{name: a, sidecar: {{apiVersion: v1, kind: Pod, spec: {{containers: {inner}}}}}}}]")
        });
        format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{containers: {list}}}\n")
    };
    let body = format!(">>> objects\n{}>>> patch\n{}", containers("Pod"), containers("Pod"));
    assert_eq!(compare(&body, &BTreeMap::new(), &containers("Pod")), Ok(()));
}

struct Case {
    /// Texts of objects that the cases of a file share, by name.
    shared: BTreeMap<String, String>,
    body: String,
    kustomize: String,
    ours: String,
}

fn cases(folder: &str) -> Vec<(String, Case)> {
    let mut cases = Vec::new();
    for entry in
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder)).unwrap()
    {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "cases") {
            continue;
        }
        let results = |extension| {
            let text = std::fs::read_to_string(path.with_extension(extension)).unwrap_or_default();
            parts(&text, "=== ")
                .map(|(name, body)| (name.to_owned(), body.to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let (kustomize, ours) = (results("expected"), results("ours"));
        let text = std::fs::read_to_string(&path).unwrap();
        let head = &text[..text.find("=== ").unwrap()];
        let shared = parts(head, ">>> let ").map(|(name, body)| (name.to_owned(), body.to_owned()));
        let shared: BTreeMap<_, _> = shared.collect();
        for (name, body) in parts(&text, "=== ") {
            let result = |results: &BTreeMap<String, String>| results.get(name).cloned().unwrap_or_default();
            let case = Case {
                shared: shared.clone(),
                body: body.to_owned(),
                kustomize: result(&kustomize),
                ours: result(&ours),
            };
            cases.push((format!("{}: {name}", path.file_name().unwrap().display()), case));
        }
    }
    cases
}

/// What follows each line that begins with `mark`, and the rest of that line.
fn parts<'a>(text: &'a str, mark: &'static str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let starts =
        text.match_indices(mark).map(|(at, _)| at).filter(|at| text[..*at].ends_with('\n') || *at == 0);
    let starts: Vec<usize> = starts.chain([text.len()]).collect();
    let part = move |range: &[usize]| text[range[0] + mark.len()..range[1]].split_once('\n').unwrap();
    starts.windows(2).map(part).collect::<Vec<_>>().into_iter()
}

fn compare(body: &str, shared: &BTreeMap<String, String>, expected: &str) -> Result<(), String> {
    let ours = post_rendered(body, shared);
    match (ours, expected.strip_prefix("!error").or(expected.strip_prefix("!panic"))) {
        (Err(_), Some(_)) => Ok(()),
        (Err(error), None) => Err(format!("  fails: {error}\n  expected:\n{expected}")),
        (Ok(ours), Some(error)) => Err(format!("  is to fail: {error}  ours:\n{}", shown(&ours))),
        (Ok(ours), None) => {
            let expected = installed(expected);
            let same = ours.iter().zip(&expected).take_while(|(ours, expected)| ours == expected).count();
            if same == ours.len().max(expected.len()) {
                return Ok(());
            }
            let (ours, expected) = (ours.get(same), expected.get(same));
            Err(format!("  object {same}, ours:\n{}  expected:\n{}", shown(ours), shown(expected)))
        }
    }
}

/// The objects that are no hooks, then the hooks, each in the order of installing.
fn installed(text: &str) -> Vec<Value> {
    let objects = go_yaml::documents(text).unwrap().into_iter();
    let objects = objects.map(|document| document.content.unwrap().to_value().unwrap());
    let objects = objects.filter(|object| !object.is_null());
    let (mut hooks, mut others): (Vec<_>, Vec<_>) =
        objects.partition(|object| object.at(&["metadata", "annotations", HOOK]).is_some());
    for objects in [&mut others, &mut hooks] {
        sort_by_kind(objects, KindOrder::Install, |object| {
            object.get("kind").and_then(Value::as_str).unwrap()
        });
    }
    others.append(&mut hooks);
    others
}

fn shown<'v>(objects: impl IntoIterator<Item = &'v Value>) -> String {
    objects.into_iter().map(|object| go_yaml::to_string(object).unwrap()).collect::<Vec<_>>().join("---\n")
}

fn post_rendered(body: &str, shared: &BTreeMap<String, String>) -> Result<Vec<Value>, String> {
    let mut objects = String::new();
    let mut renderers = vec![KustomizeSpec::default()];
    let mut common = CommonMetadata::default();
    for (head, text) in parts(body, ">>> ") {
        let (part, line) = head.split_once(' ').unwrap_or((head, ""));
        let renderer = renderers.last_mut().unwrap();
        match part {
            "objects" => objects = format!("{}{text}", shared.get(line).map_or("", String::as_str)),
            "patch" => {
                let target = (!line.is_empty()).then(|| selector(line));
                renderer.patches.push(PatchSpec { patch: text.to_owned(), target });
            }
            "image" => renderer.images.push(image(line)),
            "renderer" => renderers.push(KustomizeSpec::default()),
            "common" => {
                common =
                    CommonMetadata { labels: texts(line, "labels"), annotations: texts(line, "annotations") };
            }
            other => panic!("unknown part {other}"),
        }
    }
    let rendered = render(&objects);
    let post_render = PostRender::parse(&renderers, common).map_err(|error| chain(&error))?;
    let done = post_render.apply(rendered, &Budgets::default()).map_err(|error| chain(&error))?;
    let texts = done.manifests.iter().map(|manifest| &manifest.content);
    let texts = texts.chain(done.hooks.iter().map(|hook| &hook.manifest));
    let values = texts.map(|text| go_yaml::from_str(text).unwrap());
    // Documents of comments are kept.
    Ok(values.filter(|value| !value.is_null()).collect())
}

fn selector(line: &str) -> SelectorSpec {
    let value = go_yaml::from_str(line).unwrap();
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    SelectorSpec {
        group: text("group"),
        version: text("version"),
        kind: text("kind"),
        name: text("name"),
        namespace: text("namespace"),
        label_selector: text("labelSelector"),
        annotation_selector: text("annotationSelector"),
    }
}

fn image(line: &str) -> ImageSpec {
    let value = go_yaml::from_str(line).unwrap();
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    ImageSpec {
        name: text("name"),
        new_name: text("newName"),
        new_tag: text("newTag"),
        digest: text("digest"),
    }
}

fn texts(line: &str, field: &str) -> BTreeMap<String, String> {
    let value = go_yaml::from_str(line).unwrap();
    let texts = value.get(field).and_then(Value::as_map).cloned().unwrap_or_default();
    texts.into_iter().map(|(key, text)| (key, text.as_str().unwrap().to_owned())).collect()
}

/// A chart whose only template is the text.
fn render(objects: &str) -> Rendered {
    render_files(&[("templates/objects.yaml", objects)])
}

fn render_files(templates: &[(&str, &str)]) -> Rendered {
    let head = ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    let file = |(path, text): &(&str, &str)| SourceFile {
        path: (*path).to_owned(),
        mode: Mode::File,
        bytes: text.as_bytes().to_vec().into(),
    };
    let files = templates.iter().chain([&head]).map(file);
    let chart = LoadedChart::new(Chart::load(files, &Limits::default()).unwrap());
    let release = ReleaseOptions {
        name: "demo".into(),
        namespace: "space".into(),
        revision: 1,
        operation: Operation::Install,
    };
    let capabilities = Capabilities::new(KubeVersion::parse("v1.36.0").unwrap(), Vec::new());
    chart.render(&Values::new(), &release, &capabilities, &Host::default()).unwrap()
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
