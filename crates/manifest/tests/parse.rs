//! What a file states, and what is wrong with it.

/// `document:line identity` for objects, then messages.
fn read(text: &str) -> Vec<String> {
    let parsed = manifest::parse("dir/f.yaml", text.as_bytes());
    let objects = parsed.objects.iter().map(|object| {
        let place = if object.place.0.is_empty() { String::new() } else { format!(" {}", object.place) };
        format!("{}:{} {}{place}", object.document, object.line, object.id)
    });
    objects.chain(parsed.errors.iter().map(ToString::to_string)).collect()
}

const A: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: dev\n";

#[test]
fn objects_and_errors() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("# nothing\n---\n---\n# here\n", &[]),
        ("~\n", &[]),
        (A, &["1:1 v1 ConfigMap dev/a"]),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w, namespace: ''}\n",
            &["1:1 apps/v1 Deployment w"],
        ),
        (
            "# one\n---\napiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n---\n\n# c\napiVersion: v1\nkind: B\nmetadata: {name: b}\n",
            &["1:3 v1 A a", "3:10 v1 B b"],
        ),
        (
            "kind: A\nmetadata: {name: a}\n---\napiVersion: v1\nmetadata: {name: a}\n---\napiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: A\nmetadata: {generateName: a-}\n",
            &[
                "dir/f.yaml, document 1, line 1: apiVersion is missing or empty; every object needs one",
                "dir/f.yaml, document 2, line 4: kind is missing or empty; every object needs one",
                "dir/f.yaml, document 3, line 7: metadata.name is missing or empty; every object needs one",
                "dir/f.yaml, document 4, line 10: metadata.name is missing or empty; every object needs one",
            ],
        ),
        (
            "apiVersion: v1\nkind: A\nmetadata: {name: 12}\n---\napiVersion: v1\nkind: A\nmetadata: {name: x, namespace: on}\n",
            &[
                "dir/f.yaml, document 1, line 1: metadata.name is not a text; put its value in quotes",
                "dir/f.yaml, document 2, line 5: metadata.namespace is not a text; put its value in quotes",
            ],
        ),
        (
            "just text\n---\n- a\n",
            &[
                "dir/f.yaml, document 1, line 1: not a Kubernetes object; it must be a mapping with apiVersion, kind and metadata",
                "dir/f.yaml, document 2, line 3: not a Kubernetes object; it must be a mapping with apiVersion, kind and metadata",
            ],
        ),
        (
            "a: {{ .Values.x }}\n---\nb: c: d\n---\napiVersion: v1\nkind: B\nmetadata: {name: b}\n",
            &[
                "3:5 v1 B b",
                "dir/f.yaml, document 1, line 1: not valid YAML",
                "dir/f.yaml, document 2, line 3: not valid YAML",
            ],
        ),
        (
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n  metadata: {name: a}\n- kind: B\n- apiVersion: v1\n  kind: CList\n  items: [{apiVersion: v1, kind: C, metadata: {name: c}}, 3]\n",
            &[
                "1:4 v1 A a items[0]",
                "1:10 v1 C c items[2].items[0]",
                "dir/f.yaml, document 1, line 7: apiVersion is missing or empty; every object needs one",
                "dir/f.yaml, document 1, line 10: not a Kubernetes object; it must be a mapping with apiVersion, kind and metadata",
            ],
        ),
        ("apiVersion: v1\nkind: List\nitems: []\n", &[]),
        ("apiVersion: x/v1\nkind: AccessList\nmetadata: {name: l}\nspec: {}\n", &["1:1 x/v1 AccessList l"]),
        ("{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"j\"}}", &["1:1 v1 A j"]),
        ("a: &x [*x]\n", &["dir/f.yaml, document 1, line 1: not valid YAML"]),
    ];
    for (text, want) in cases {
        assert_eq!(read(text), *want, "{text}");
    }
}

#[test]
fn a_file_that_is_no_text_says_where() {
    let parsed = manifest::parse("f.yaml", b"a: 1\nb: \xFF\n");
    assert_eq!(parsed.errors[0].to_string(), "f.yaml, line 2: not UTF-8 text; save the file as UTF-8");
    assert_eq!((parsed.errors[0].document(), parsed.errors[0].line()), (None, Some(2)));
}

#[test]
fn pull_secrets_of_pods() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {template: {spec: {imagePullSecrets: [{name: a}, {}, {name: b}]}}}\n";
    assert_eq!(manifest::pull_secrets(&manifest::parse("f", text.as_bytes()).objects[0]), ["a", "b"]);
}
