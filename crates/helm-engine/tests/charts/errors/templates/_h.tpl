{{- define "errors.nil" -}}
{{ .Values.a.b.c }}
{{- end -}}
{{- define "errors.fail" -}}
{{ fail (printf "no luck with %v" .Values.num) }}
{{- end -}}
{{- define "errors.loop" }}{{ include "errors.loop" . }}{{ end -}}
