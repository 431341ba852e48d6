{{- define "root.data" -}}
{a: {{ if eq .Values.sub.mode "through-root" }}{{ include "sub.fails" .Subcharts.sub }}{{ else }}1{{ end }}}
{{- end -}}
