{{- define "config.computed" -}}
{{- $base := .Files.Get "files/base.yaml" | fromYaml -}}
{{- $over := tpl .Values.overrides . | fromYaml -}}
{{- $_ := set $base "features" (dict) -}}
{{- range $name, $on := .Values.features -}}
{{- if $on }}{{ $_ := set $base.features $name (dict "enabled" $on) }}{{ end -}}
{{- end -}}
{{- mergeOverwrite $base (dict "server" (omit .Values.server "tls")) $over | toYaml -}}
{{- end -}}
{{- define "config.ini" -}}
{{- range $section, $entries := . }}
[{{ $section }}]
{{- range $key, $value := $entries }}
{{- if kindIs "slice" $value }}
{{ $key }} = {{ join ", " $value }}
{{- else if kindIs "map" $value }}
{{- range $sub, $leaf := $value }}
{{ $key }}.{{ $sub }} = {{ $leaf }}
{{- end }}
{{- else }}
{{ $key }} = {{ $value }}
{{- end }}
{{- end }}
{{ end }}
{{- end -}}
{{- define "config.tree" -}}
{{- range $key, $value := .node }}
{{ $.indent }}{{ $key }}:{{ if kindIs "map" $value }}{{ include "config.tree" (dict "node" $value "indent" (print $.indent "  ")) }}{{ else }} {{ $value | toJson }}{{ end }}
{{- end }}
{{- end -}}
