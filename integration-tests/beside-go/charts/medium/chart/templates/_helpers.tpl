{{/*
The chart's name
*/}}
{{- define "medium.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "medium.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "medium.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- define "medium.namespace" -}}
  {{- if .Values.namespaceOverride -}}
    {{- .Values.namespaceOverride -}}
  {{- else -}}
    {{- .Release.Namespace -}}
  {{- end -}}
{{- end -}}
{{- define "medium.selectorLabels" -}}
app.kubernetes.io/name: {{ include "medium.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- define "medium.labels" -}}
helm.sh/chart: {{ include "medium.chart" . }}
{{ include "medium.selectorLabels" . }}
{{- if .Chart.AppVersion }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}
app.kubernetes.io/part-of: {{ template "medium.name" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- if .Values.commonLabels }}
{{ toYaml .Values.commonLabels }}
{{- end }}
{{- end -}}
{{- define "medium.image" -}}
{{- if .chroot -}}
  {{- printf "%s-chroot" .image -}}
{{- else -}}
  {{- printf "%s" .image -}}
{{- end -}}
{{- end -}}
{{- define "medium.imageDigest" -}}
{{- if .chroot -}}
  {{- if .digestChroot -}}
    {{- printf "@%s" .digestChroot -}}
  {{- end -}}
{{- else -}}
  {{ if .digest -}}
    {{- printf "@%s" .digest -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- define "medium.securityContext" -}}
{{- if .securityContext -}}
{{- toYaml .securityContext -}}
{{- else -}}
runAsNonRoot: {{ .image.runAsNonRoot }}
runAsUser: {{ .image.runAsUser }}
allowPrivilegeEscalation: {{ .image.allowPrivilegeEscalation }}
{{- if .image.seccompProfile }}
seccompProfile: {{ toYaml .image.seccompProfile | nindent 2 }}
{{- end }}
capabilities:
  drop:
  - ALL
  add:
  - NET_BIND_SERVICE
readOnlyRootFilesystem: {{ .image.readOnlyRootFilesystem }}
{{- end -}}
{{- end -}}
{{- define "medium.params" -}}
{{- $ := index . 0 -}}{{- $part := index . 1 -}}
- /gateway
{{- if $part.publishService.enabled }}
- --publish-service={{ template "medium.publishServicePath" . }}
{{- end }}
- --election-id={{ default (printf "%s-leader" (include "medium.fullname" $)) $part.electionID }}
- --class={{ $part.ingressClassResource.name }}
- --configmap={{ default "$(POD_NAMESPACE)" $part.configMapNamespace }}/{{ include "medium.fullname" $ }}
{{- if $part.scope.enabled }}
- --watch-namespace={{ default "$(POD_NAMESPACE)" $part.scope.namespace }}
{{- end }}
{{- range $key, $value := $part.extraArgs }}
{{- if eq ($value | quote | len) 2 }}
- --{{ $key }}
{{- else }}
- --{{ $key }}={{ $value }}
{{- end }}
{{- end }}
{{- end -}}
{{- define "medium.publishServicePath" -}}
{{- $ := index . 0 -}}{{- $part := index . 1 -}}
{{- $default := printf "%s/%s" "$(POD_NAMESPACE)" (include "medium.fullname" $) -}}
{{- $path := default $default $part.publishService.pathOverride }}
{{- print $path | trimSuffix "-" -}}
{{- end -}}
