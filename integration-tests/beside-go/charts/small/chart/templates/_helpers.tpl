{{/* The chart's name, cut off */}}
{{- define "small.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* A name for the release's objects */}}
{{- define "small.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "small.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "small.labels" -}}
helm.sh/chart: {{ include "small.chart" . }}
{{ include "small.selectorLabels" . }}
{{- if .Chart.AppVersion }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "small.selectorLabels" -}}
app.kubernetes.io/name: {{ include "small.fullname" . }}
{{- end }}

{{- define "small.serviceAccountName" -}}
{{- if .Values.serviceAccount.enabled }}
{{- default (include "small.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "small.tlsSecretName" -}}
{{- $fullname := include "small.fullname" . -}}
{{- default (printf "%s-tls" $fullname) (.Values.certificate).secretName }}
{{- end }}
