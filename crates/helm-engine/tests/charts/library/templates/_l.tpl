{{- define "l" -}}l{{- end -}}
