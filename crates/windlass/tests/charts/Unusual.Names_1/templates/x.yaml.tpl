kind: ConfigMap
apiVersion: v1
metadata: {name: {{ include "h" . }}-{{ .Chart.Name | lower | replace "_" "-" }}}
