{{- define "base.labels" -}}
{{- if and (hasKey . "customLabels") (hasKey . "context") -}}
{{- $default := dict "app.kubernetes.io/name" (include "base.names.name" .context) "helm.sh/chart" (printf "%s-%s" .context.Chart.Name .context.Chart.Version) "app.kubernetes.io/instance" .context.Release.Name "app.kubernetes.io/managed-by" .context.Release.Service -}}
{{- with .context.Chart.AppVersion -}}
{{- $_ := set $default "app.kubernetes.io/version" (replace "+" "_" . | quote) -}}
{{- end -}}
{{ template "base.tplvalues.merge" (dict "values" (list .customLabels $default) "context" .context) }}
{{- else -}}
app.kubernetes.io/instance: {{ .context.Release.Name }}
{{- end -}}
{{- end -}}
{{- define "base.matchLabels" -}}
{{ merge (pick (include "base.tplvalues.render" (dict "value" .customLabels "context" .context) | fromYaml) "app.kubernetes.io/name" "app.kubernetes.io/instance") (dict "app.kubernetes.io/name" (include "base.names.name" .context) "app.kubernetes.io/instance" .context.Release.Name ) | toYaml }}
{{- end -}}
