{{- define "twice" }}root _a{{ end }}
{{- define "own" }}root{{ end }}
