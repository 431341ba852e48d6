{{/* A name with a limit. */}}
{{- define "basics.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "basics.labels" -}}
app: {{ include "basics.name" . }}
version: {{ .Chart.AppVersion | quote }}
{{- range $key, $value := .Values.labels }}
{{ $key }}: {{ $value | quote }}
{{- end }}
{{- end }}
