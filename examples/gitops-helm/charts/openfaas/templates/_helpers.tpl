{{- define "openfaas.functionNamespace" -}}
{{ default .Release.Namespace .Values.functionNamespace }}
{{- end }}

{{/* Labels of a component: (dict "root" $ "component" "gateway") */}}
{{- define "openfaas.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "openfaas.selectorLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "openfaas.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* What every container says alike: (dict "root" $ "values" .Values.gateway "name" "gateway") */}}
{{- define "openfaas.image" -}}
image: {{ required (printf "%s.image is needed: name and tag in one text" .name) .values.image | quote }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "openfaas.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
