{{- define "shared.label" -}}child {{ .Chart.Name }}{{- end -}}
{{- define "child.name" -}}{{ .Chart.Name }}-{{ .Values.size }}{{- end -}}
