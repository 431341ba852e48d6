{{- define "twice" }}root _b{{ end }}
{{- define "empty" }}{{ end }}
