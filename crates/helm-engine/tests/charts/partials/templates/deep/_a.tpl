{{ define "everywhere" }}root deep/_a{{ end }}
{{ define "blocked" }}redefined{{ end }}
