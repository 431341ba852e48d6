{{- define "base.images.image" -}}
{{- $registry := default .imageRoot.registry ((.global).imageRegistry) -}}
{{- $separator := ":" -}}
{{- $termination := .imageRoot.tag | toString -}}
{{- if .imageRoot.digest }}
    {{- $separator = "@" -}}
    {{- $termination = .imageRoot.digest | toString -}}
{{- end -}}
{{- if $registry }}
    {{- printf "%s/%s%s%s" $registry .imageRoot.repository $separator $termination -}}
{{- else -}}
    {{- printf "%s%s%s" .imageRoot.repository $separator $termination -}}
{{- end -}}
{{- end -}}
{{- define "base.images.pullSecrets" -}}
  {{- $secrets := list }}
  {{- range ((.global).imagePullSecrets) -}}
    {{- if kindIs "map" . -}}
      {{- $secrets = append $secrets .name -}}
    {{- else -}}
      {{- $secrets = append $secrets . -}}
    {{- end }}
  {{- end -}}
  {{- range .images -}}
    {{- range .pullSecrets -}}
      {{- if kindIs "map" . -}}
        {{- $secrets = append $secrets .name -}}
      {{- else -}}
        {{- $secrets = append $secrets . -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if (not (empty $secrets)) -}}
imagePullSecrets:
    {{- range $secrets | uniq }}
  - name: {{ . }}
    {{- end }}
  {{- end }}
{{- end -}}
