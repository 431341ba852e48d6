{{- define "cluster.fullname" }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- define "cluster.peers" -}}
{{- $peers := list -}}
{{- $full := include "cluster.fullname" . -}}
{{- range $i := until (.Values.replicas | int) -}}
{{- $peers = printf "%s-%d=%s://%s-%d.%s.%s.svc:%v" $full $i (ternary "https" "http" $.Values.tls.enabled) $full $i $full $.Release.Namespace $.Values.service.ports.peer | append $peers -}}
{{- end -}}
{{- join "," $peers -}}
{{- end -}}
{{- define "cluster.storageClass" -}}
{{- with .Values.storage.class -}}
{{- if eq "-" . }}storageClassName: ""{{ else }}storageClassName: {{ . }}{{ end -}}
{{- end -}}
{{- end -}}
