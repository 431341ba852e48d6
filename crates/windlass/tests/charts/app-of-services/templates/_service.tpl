{{- define "svc.name" -}}
{{- printf "%s-%s" .root.Release.Name .name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "svc.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{- define "svc.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "svc.name" . }}
  labels: {{ include "svc.labels" (merge (dict "extra" (dict "tier" "app")) .) | nindent 4 }}
spec:
  {{- if not .svc.autoscaling }}
  replicas: {{ .svc.replicas }}
  {{- end }}
  template:
    spec:
      containers:
        - name: {{ .name }}
          image: "{{ .svc.image.repository }}:{{ .svc.image.tag }}"
          {{- with .svc.command }}
          command:
            {{- range . }}
            - {{ . | quote }}
            {{- end }}
          {{- end }}
          {{- if .svc.env }}
          env:
            {{- range $key, $value := .svc.env }}
            - name: {{ $key }}
              value: {{ $value | quote }}
            {{- end }}
          {{- end }}
          {{- with .svc.ports }}
          ports:
            {{- range $name, $port := . }}
            - {name: {{ $name }}, containerPort: {{ $port }}}
            {{- end }}
          {{- end }}
          resources: {{- toYaml .svc.resources | nindent 12 }}
{{- end -}}
