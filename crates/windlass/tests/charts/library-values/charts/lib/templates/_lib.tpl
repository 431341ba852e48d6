{{- define "lib.data" -}}
chart: {{ .Chart.Name }}
{{ range $k, $v := .Values.extra }}{{ $k }}: {{ tpl $v $ }}
{{ end }}
{{- end -}}
