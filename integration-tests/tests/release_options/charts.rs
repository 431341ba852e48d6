//! The charts of the releases.

const OBJECTS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {text: {{ .Values.text | quote }}, secret: {{ .Values.secret | quote }}, file: {{ .Values.file | quote }}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: 1
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      containers: [{name: a, image: "example.org/a:1"}]
{{- if .Values.bad }}
      nodeSelector: {no: such}
{{- end }}
"#;

/// A Job that ends well, or with `bad` never runs and fails after a second.
const HOOKS: &str = r#"
{{- define "job" }}
spec:
  backoffLimit: 0
  {{- if .bad }}
  activeDeadlineSeconds: 1
  {{- end }}
  template:
    spec:
      restartPolicy: Never
      containers: [{name: a, image: busybox}]
      {{- if .bad }}
      nodeSelector: {no: such}
      {{- end }}
{{- end }}
{{- if hasKey .Values "badHook" }}
apiVersion: batch/v1
kind: Job
metadata: {name: {{ .Release.Name }}-before, annotations: {helm.sh/hook: "pre-install,pre-upgrade"}}
{{- include "job" (dict "bad" .Values.badHook) }}
{{- end }}
---
apiVersion: batch/v1
kind: Job
metadata: {name: {{ .Release.Name }}-test, annotations: {helm.sh/hook: test}}
{{- include "job" (dict "bad" .Values.badTest) }}
"#;

const THINGS: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: skipped.example.org}
spec:
  group: example.org
  names: {kind: Skipped, plural: skipped}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"#;

pub(crate) const FILES: [(&str, &str); 8] = [
    ("charts/app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\nappVersion: \"7\"\n"),
    ("charts/app/values.yaml", "text: chart\nsecret: none\nfile: none\nbad: false\nbadTest: false\n"),
    ("charts/app/more.yaml", "file: of the chart\ntext: of the file\n"),
    ("charts/app/templates/objects.yaml", OBJECTS),
    ("charts/app/templates/hooks.yaml", HOOKS),
    ("charts/crd/Chart.yaml", "apiVersion: v2\nname: crd\nversion: 0.1.0\n"),
    ("charts/crd/crds/a.yaml", THINGS),
    (
        "charts/crd/templates/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n",
    ),
];
