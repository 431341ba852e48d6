{{ define "everywhere" }}sub _a{{ end }}
{{ define "sub-only" }}sub {{ .Chart.Name }}{{ end }}
{{ define "lib-over" }}sub over lib{{ end }}
