{{- define "twice" }}root sub/_a{{ end }}
{{- define "depth" }}deeper{{ end }}
