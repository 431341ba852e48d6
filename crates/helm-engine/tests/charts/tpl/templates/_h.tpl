{{- define "tpl.mark" -}}!{{- end -}}{{- define "tpl.uses" -}}<{{ include "tpl.mark" . }}>{{- end -}}
