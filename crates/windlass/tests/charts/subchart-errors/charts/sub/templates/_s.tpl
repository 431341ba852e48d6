{{- define "sub.fails" -}}
{{ with .Values.table }}x{{ else }}{{ tpl "{{ include \"sub.inner\" . }}" . }}{{ end }}
{{- end -}}
{{- define "sub.inner" -}}
{{ .Values.table.a.b }}
{{- end -}}
{{- define "sub.ranged" -}}
{{ range $i, $x := list 1 2 3 }}{{ if eq $i 2 }}{{ required (printf "item %d is needed" $i) "" }}{{ end }}{{ end }}
{{- end -}}
