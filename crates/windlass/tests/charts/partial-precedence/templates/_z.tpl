{{- define "depth" }}shallow{{ end }}
{{- block "block" . }}block body{{ end }}
