{{- define "sibling" }}beta's{{ end }}
{{- define "block" }}beta's block{{ end }}
