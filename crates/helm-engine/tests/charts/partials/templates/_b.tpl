{{ define "twice" }}second _b{{ end }}
{{ define "in-b" }}b{{ end }}
