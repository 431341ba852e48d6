//! Byte-exact edits. In every text `«…»` marks the bytes that are the tag; everything else must survive.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use manifest::{EditError, ImageChange, images, parse, set_image};

const HEAD: &str = "apiVersion: helm.integrations.flux.weave.works/v1alpha2\nkind: FluxHelmRelease\nmetadata:\n  name: podinfo\n  namespace: dev\n";

/// The one object of a file that has images.
fn target(file: &[u8]) -> manifest::ObjectId {
    let parsed = parse("f.yaml", file);
    let mut with_images = parsed.objects.iter().filter(|object| !images(object).containers.is_empty());
    let id = with_images.next().unwrap_or_else(|| panic!("no images in {parsed:?}")).id.clone();
    assert!(with_images.next().is_none());
    id
}

fn edit(file: &str, container: &str, from: &str, to: &str) -> Result<String, EditError> {
    let from = (!from.is_empty()).then(|| from.parse().unwrap());
    let change = ImageChange { container, from: from.as_ref(), to: &to.parse().unwrap() };
    let edited = set_image("f.yaml", file.as_bytes(), &target(file.as_bytes()), change)?;
    Ok(String::from_utf8(edited).unwrap())
}

/// Moves the marked tag to `to`, which is expected to appear as `shown`, and back.
fn check(name: &str, marked: &str, container: &str, to: &str, shown: &str) {
    let (before_tag, rest) = marked.split_once('«').unwrap_or_else(|| panic!("{name}: no mark"));
    let (from, after_tag) = rest.split_once('»').unwrap();
    let file = [before_tag, from, after_tag].concat();
    let want = [before_tag, shown, after_tag].concat();
    let edited = edit(&file, container, from, to).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(edited, want, "{name}");
    if shown == to {
        assert_eq!(edit(&edited, container, to, from).unwrap(), file, "{name}: back again");
    }
}

#[test]
fn nothing_but_the_tag_changes() {
    let spec = |values: &str| format!("{HEAD}spec:\n  values:\n{values}");
    let crlf = spec("    # c\n    image: a/podinfo:«dev-1» # keep\n    other: x\n").replace('\n', "\r\n");
    let cases: &[(&str, String)] = &[
        ("plain", spec("    image: a/podinfo:«dev-1»\n")),
        ("comments", spec("    # above\n    image: a/podinfo:«dev-1» # a/podinfo:dev-1\n    # below dev-1\n")),
        ("single quotes", spec("    image: 'a/podinfo:«dev-1»'   # keep\n")),
        ("double quotes", spec("    image: \"a/podinfo:«dev-1»\"\t# keep\n")),
        ("unused anchor", spec("    image: &img a/podinfo:«dev-1» # keep\n")),
        ("tag", spec("    image: !!str a/podinfo:«dev-1»\n")),
        ("tag and anchor, quoted", spec("    image: !!str &i 'a/podinfo:«dev-1»'\n")),
        ("merge key beside it", spec("    base: &b {x: 1}\n    sub:\n      <<: *b\n      y: 2\n    image: a/podinfo:«dev-1»\n")),
        ("crlf", crlf),
        ("tab after the value", spec("    image: a/podinfo:«dev-1»\t\n    x:\t1\t# y\n")),
        ("trailing blanks", spec("    image: a/podinfo:«dev-1»   \n    x: 1\n")),
        ("flow on one line", spec("    {image: a/podinfo:«dev-1», n: 1}\n")),
        ("flow on several lines", spec("    {\n      n: 1 ,\n      image: a/podinfo:«dev-1»\n      , m: [ 2,3 ] }\n")),
        ("flow without spaces", spec("    {\"image\":\"a/podinfo:«dev-1»\",\"n\":1}\n")),
        ("quoted keys", format!("{HEAD}'spec':\n  \"values\":\n    'image' : a/podinfo:«dev-1»\n")),
        ("non-ASCII before it", spec("    grüße: 日本語 🎉 # ünï\n    image: 'a/podinfo:«dev-1»' # 🎉\n")),
        ("byte order mark", format!("\u{FEFF}{}", spec("    image: a/podinfo:«dev-1»\n"))),
        ("no final newline", spec("    image: a/podinfo:«dev-1»")),
        ("odd indents", format!("{HEAD}spec:\n       chartGitPath: x\n       values:\n          list:\n          - 1\n          -   2\n          image:     a/podinfo:«dev-1»\n")),
        (
            "look-alikes in block scalars",
            spec("    script: |\n      image: a/podinfo:dev-1\n    note: >-\n      image: a/podinfo:dev-1\n    image: a/podinfo:«dev-1»\n    last: |+\n      dev-1\n\n\n"),
        ),
        ("several documents", format!("# first\n---\na: 1 # not an object\n---\n{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{image: \"a/podinfo:dev-1\"}}\n...\n", spec("    image: a/podinfo:«dev-1»\n"))),
        ("broken sibling", format!("x: [\n---\n{}---\na: b: c\n", spec("    image: a/podinfo:«dev-1»\n"))),
        ("JSON with tabs", "{\n\t\"apiVersion\": \"x/v1\",\n\t\"kind\": \"HelmRelease\",\n\t\"metadata\": {\"name\": \"p\"},\n\t\"spec\": {\n\t\t\"values\": {\n\t\t\t\"n\": 1,\n\t\t\t\"image\": \"a/podinfo:«dev-1»\"\n\t\t}\n\t}\n}\n".to_owned()),
        ("value on the next line", spec("    image:\n      a/podinfo:«dev-1»\n    x: 1\n")),
        ("block scalar", spec("    image: >-\n      a/podinfo:«dev-1»\n    x: 1\n")),
        ("host with a port", spec("    image: localhost:5000/a/podinfo:«dev-1»\n")),
        ("anchor above that nobody uses", format!("{HEAD}spec: &s\n  values: &v\n    image: a/podinfo:«dev-1»\n")),
    ];
    assert!(cases.len() >= 21);
    for (name, marked) in cases {
        check(name, marked, "chart-image", "dev-2", "dev-2");
        check(name, marked, "chart-image", "a-much-longer.tag_2026", "a-much-longer.tag_2026");
    }
}

#[test]
fn every_shape_is_edited_where_its_tag_stands() {
    let release = |values: &str| format!("{HEAD}spec:\n  values: {values}\n");
    let pods = |kind: &str| {
        format!(
            "apiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      initContainers:\n      - name: init\n        image: x/init:v9\n      containers:\n        - image: x/side:v1\n          name: side\n        - name: web\n          image: x/web:«v1»\n"
        )
    };
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: web}\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web}\n  spec: {template: {spec: {containers: [{name: web, image: 'x:«v1»'}]}}}\n";
    let cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n          - {name: web, image: x:«v1»}\n";
    for (marked, container) in [
        (release("{image: 'a/b:«v1»'}"), "chart-image"),
        (release("{image: a/b, tag: «v1»}"), "chart-image"),
        (release("{tag: '«v1»', image: 'a/b:v1'}"), "chart-image"),
        (release("{image: a/b, tag: «v1», registry: q.io}"), "chart-image"),
        (release("{image: {repository: a/b, tag: «v1»}}"), "chart-image"),
        (release("{image: {repository: 'a/b:«v1»'}}"), "chart-image"),
        (release("{image: 'a/b:v1', web: {image: 'a/b:«v1»'}}"), "web"),
        (release("{web: {image: {repository: a/b, tag: \"«v1»\", registry: r}}}"), "web"),
        (pods("Deployment"), "web"),
        (pods("DaemonSet"), "web"),
        (pods("StatefulSet"), "web"),
        (cron.to_owned(), "web"),
        (list.to_owned(), "web"),
    ] {
        check(&marked, &marked, container, "v2", "v2");
    }
}

#[test]
fn a_tag_stays_a_text() {
    let release = |values: &str| format!("{HEAD}spec:\n  values:\n    {values}\n");
    for (marked, to, shown) in [
        (release("{image: a/b, tag: «v1»}"), "1.10", "\"1.10\""),
        (release("{image: a/b, tag: «v1» }"), "0777", "\"0777\""),
        (release("{image: a/b, tag: «v1»}"), "1e3", "\"1e3\""),
        (release("{image: a/b, tag: «v1»}"), "on", "\"on\""),
        (release("{image: a/b, tag: «v1»}"), "2026-01-02", "\"2026-01-02\""),
        (release("{image: a/b, tag: '«v1»'}"), "1.10", "1.10"),
        (release("{image: a/b, tag: \"«1.9»\"}"), "1.10", "1.10"),
        (release("{image: a/b, tag: «v1»}"), "1.2.3", "1.2.3"),
        (release("image: b:«v1»"), "30", "30"),
    ] {
        check(&marked, &marked, "chart-image", to, shown);
    }
    // A tag where none was.
    let file = release("image: a/b # keep");
    assert_eq!(edit(&file, "chart-image", "", "v1").unwrap(), release("image: a/b:v1 # keep"));
}

#[test]
fn what_cannot_be_done_exactly_is_refused() {
    let release = |values: &str| format!("{HEAD}spec:\n  values:\n{values}");
    let digest = "sha256:".to_owned() + &"0f".repeat(32);
    for (file, container, want) in [
        (release("    image: a/b:v2\n"), "chart-image", "has the image a/b:v2, not the tag v1"),
        (release("    image: a/b\n"), "chart-image", "has the image a/b, not the tag v1"),
        (release("    image: a/b:v1\n"), "web", "has no container web with an image"),
        (release(&format!("    image: a/b:v1@{digest}\n")), "chart-image", "pinned by a digest"),
        (
            release("    x: &i a/b:v1\n    image: *i\n"),
            "chart-image",
            "values.image is shared through the anchor i",
        ),
        (
            release("    image: &i a/b:v1\n    x: *i\n"),
            "chart-image",
            "values.image is shared through the anchor i",
        ),
        (release("    web: &w {image: a/b:v1}\n    x: {y: *w}\n"), "web", "shared through the anchor w"),
        (
            release("    web: &w {image: a/b:v1}\n    x: {<<: *w, image: {}}\n"),
            "web",
            "shared through the anchor w",
        ),
        (release("    x: {y: &w {image: a/b:v1}}\n    web: *w\n"), "web", "shared through the anchor w"),
        (release("    <<: {image: a/b:v1}\n    x: 1\n"), "chart-image", "comes from a merge key"),
        (release("    image: a/b:v0\n    <<: {image: a/b:v1}\n"), "chart-image", "would change more"),
        (release("    image: \"a\\x2fb:v1\"\n"), "chart-image", "written with escapes"),
        (release("    image: \"a/b:\\\n      v1\"\n"), "chart-image", "over several lines"),
        (release("    image: >- # a/b:v1\n      a/b:v1\n"), "chart-image", "over several lines"),
    ] {
        let error = edit(&file, container, "v1", "v2").expect_err(&file).to_string();
        assert!(error.starts_with("f.yaml") && error.contains(want), "{file}: {error}");
    }
}

#[test]
fn the_object_must_be_there_once() {
    let file = format!("{HEAD}spec: {{values: {{image: 'a/b:v1'}}}}\n");
    let id = target(file.as_bytes());
    let to = "v2".parse().unwrap();
    let from = "v1".parse().unwrap();
    let change = ImageChange { container: "chart-image", from: Some(&from), to: &to };
    let attempt = |text: &str| set_image("f.yaml", text.as_bytes(), &id, change).expect_err(text).to_string();
    let what = "helm.integrations.flux.weave.works/v1alpha2 FluxHelmRelease dev/podinfo";
    assert_eq!(attempt("a: 1\n"), "f.yaml cannot be read");
    assert_eq!(
        attempt(&file.replace("name: podinfo", "name: other")),
        format!("f.yaml does not state {what}")
    );
    assert_eq!(
        attempt(&format!("{file}---\n{file}")),
        format!("f.yaml states {what} several times; remove all but one")
    );
    assert_eq!(attempt(&file.replace("values: {", "values: {{ .x }}")), "f.yaml cannot be read");
    let mut broken = file.into_bytes();
    broken.push(0xFF);
    assert!(matches!(set_image("f.yaml", &broken, &id, change), Err(EditError::Unreadable { .. })));
}

#[test]
fn a_repeated_key_counts_where_it_counts_for_kubernetes() {
    let marked = format!("{HEAD}spec:\n  values:\n    image: a/b:v1\n    image: a/b:«v1»\n");
    check("last one", &marked, "chart-image", "v2", "v2");
}
