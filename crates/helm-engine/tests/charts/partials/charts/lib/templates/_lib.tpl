{{ define "lib-only" }}lib {{ .Chart.Name }}{{ end }}
{{ define "lib-over" }}lib{{ end }}
{{ define "everywhere" }}lib{{ end }}
