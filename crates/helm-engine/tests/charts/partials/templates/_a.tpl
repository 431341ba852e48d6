{{ define "everywhere" }}root _a{{ end }}
{{ define "twice" }}first _a{{ end }}
