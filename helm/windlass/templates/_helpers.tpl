{{- define "windlass.name" -}}
{{- .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "windlass.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* The namespace of a service: (list $ "git-syncer") */ -}}
{{- define "windlass.namespace" -}}
{{- $root := index . 0 -}}
{{- if eq (index . 1) "secrets-decryptor" -}}
{{- default $root.Release.Namespace $root.Values.secretsDecryptor.namespace -}}
{{- else -}}
{{- $root.Release.Namespace -}}
{{- end -}}
{{- end -}}

{{- define "windlass.labels" -}}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
{{ include "windlass.selector" . }}
{{- end -}}

{{- define "windlass.selector" -}}
app.kubernetes.io/name: {{ include "windlass.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "windlass.image" -}}
{{- $root := index . 0 -}}
{{- printf "%s/%s:%s" $root.Values.image.registry (index . 1) (default $root.Chart.AppVersion $root.Values.image.tag) -}}
{{- end -}}

{{- /* The URL of a service's gRPC port: (list $ "git-syncer") */ -}}
{{- define "windlass.url" -}}
{{- $root := index . 0 -}}
{{- $host := printf "%s-%s.%s.svc" (include "windlass.fullname" $root) (index . 1) (include "windlass.namespace" .) -}}
{{- printf "%s://%s:9090" (ternary "https" "http" $root.Values.tls.enabled) $host -}}
{{- end -}}

{{- define "windlass.database-secret" -}}
{{- default (printf "%s-postgres" (include "windlass.fullname" .)) .Values.postgres.existingSecret -}}
{{- end -}}

{{- define "windlass.services" -}}
git-syncer image-scanner release-operator secrets-decryptor
{{- end -}}

{{- /* What every container has: (list $ "git-syncer") */ -}}
{{- define "windlass.container" -}}
{{- $root := index . 0 -}}
image: {{ include "windlass.image" . }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
ports:
  - {name: grpc, containerPort: 9090}
  - {name: metrics, containerPort: 8081}
livenessProbe:
  httpGet: {path: /livez, port: metrics}
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 5
env:
  - name: POD_NAMESPACE
    valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
  {{- if eq (index . 1) "release-operator" }}
  # Who a replica is, and where the others reach it.
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  - name: POD_IP
    valueFrom: {fieldRef: {fieldPath: status.podIP}}
  {{- end }}
  {{- with $root.Values.telemetry.otlpEndpoint }}
  - name: OTEL_EXPORTER_OTLP_ENDPOINT
    value: {{ . | quote }}
  {{- end }}
{{- end -}}

{{- /* The arguments every service takes. */ -}}
{{- define "windlass.args" -}}
- --log-level={{ .Values.log.level }}
- --log-format={{ .Values.log.format }}
{{- if .Values.tls.enabled }}
- --tls-dir=/etc/windlass/tls
{{- end }}
{{- end -}}

{{- define "windlass.tls-mount" -}}
{{- if (index . 0).Values.tls.enabled }}
- {name: tls, mountPath: /etc/windlass/tls, readOnly: true}
{{- end }}
{{- end -}}

{{- define "windlass.tls-volume" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.tls.enabled }}
- name: tls
  secret: {secretName: {{ $root.Values.tls.secretPrefix }}-{{ index . 1 }}}
{{- end }}
{{- end -}}

{{- /* What every pod has: (list $ "git-syncer") */ -}}
{{- define "windlass.pod" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ include "windlass.fullname" $root }}-{{ index . 1 }}
terminationGracePeriodSeconds: 30
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* What it takes to apply a Role that holds more than the service itself may do. */ -}}
{{- define "windlass.grant" -}}
{{- if .Values.rbac.grantRoles }}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, clusterroles]
  verbs: [bind, escalate]
{{- end }}
{{- end -}}
