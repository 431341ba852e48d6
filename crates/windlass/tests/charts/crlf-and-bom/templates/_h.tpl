{{- define "h" -}}
helper
{{- end -}}
