{{- define "shared.label" -}}parent wins{{- end -}}
{{- define "parent.only" -}}from {{ .Chart.Name }}{{- end -}}
