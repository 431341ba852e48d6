{{ define "include-self" }}{{ include "include-self" . }}{{ end }}
{{ define "a" }}
{{ include "b" . }}{{ end }}
{{ define "b" }}{{ include "a" . }}{{ end }}
{{ define "tpl-self" }}{{ tpl "{{ include \"tpl-self\" . }}" . }}{{ end }}
{{ define "count" }}{{ if gt (int .n) 0 }}{{ include "count" (dict "n" (sub (int .n) 1)) }}{{ else }}done{{ end }}{{ end }}
{{ define "template-self" }}{{ template "template-self" . }}{{ end }}
