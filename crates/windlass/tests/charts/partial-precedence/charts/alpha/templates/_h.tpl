{{- define "own" }}alpha{{ end }}
{{- define "sibling" }}alpha's{{ end }}
{{- define "alpha.only" }}{{ .Chart.Name }} in {{ .Template.Name }}{{ end }}
{{- define "nested" }}alpha calls {{ include "own" . }}{{ end }}
{{- define "empty" }}alpha's, not empty{{ end }}
