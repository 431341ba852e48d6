// Makes the expected results of lint's tests with helm's own linter.
//
//	lint DIR            for every DIR/*.cases, writes DIR/*.expected
//	lint -addresses F   for every row of F (KIND, TAB, TEXT), prints KIND, TEXT and whether govalidator takes it
//	lint -deprecations  prints the deprecated kinds of Kubernetes
//
// A case begins with `=== NAME`, followed by options (`kube VERSION`, `namespace NAME`, `skip-schema`) and files: `>>> PATH`
// with the text below it, `>>> PATH/` for a folder, `>>> !PATH` for a file of the base chart that is left out, `>>> @values`
// for the user's values. A path may be followed by `crlf` or `bom`. The base chart is what no case has to repeat.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
)

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "-deprecations":
		deprecations()
	case len(os.Args) == 3 && os.Args[1] == "-addresses":
		addresses(os.Args[2])
	case len(os.Args) == 2:
		files, err := filepath.Glob(filepath.Join(os.Args[1], "*.cases"))
		must(err)
		for _, file := range files {
			run(file)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: lint DIR | -addresses FILE | -deprecations")
		os.Exit(2)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var base = map[string]string{
	"Chart.yaml":  "apiVersion: v2\nname: c\nversion: 1.0.0\nicon: https://example.org/i.png\n",
	"values.yaml": "{}\n",
	"templates/":  "",
}

func run(path string) {
	text, err := os.ReadFile(path)
	must(err)
	var out strings.Builder
	for _, part := range strings.Split("\n"+strings.TrimSuffix(string(text), "\n"), "\n=== ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		fmt.Fprintf(&out, "=== %s\n%s", name, lint(body))
	}
	must(os.WriteFile(strings.TrimSuffix(path, ".cases")+".expected", []byte(out.String()), 0o644))
}

func lint(body string) string {
	dir, err := os.MkdirTemp("", "lint")
	must(err)
	defer os.RemoveAll(dir)
	dir, err = filepath.EvalSymlinks(dir)
	must(err)
	linter := action.NewLint()
	linter.Namespace = "default"
	files := map[string]string{}
	for path, text := range base {
		files[path] = text
	}
	values := common.Values{}
	parts := strings.Split("\n"+body, "\n>>> ")
	for _, option := range strings.Split(parts[0], "\n") {
		key, value, _ := strings.Cut(option, " ")
		switch key {
		case "kube":
			linter.KubeVersion, err = common.ParseKubeVersion(value)
			must(err)
		case "namespace":
			linter.Namespace = value
		case "skip-schema":
			linter.SkipSchemaValidation = true
		}
	}
	for _, part := range parts[1:] {
		head, text, _ := strings.Cut(part, "\n")
		// The line end before the next mark belongs to the mark.
		text += "\n"
		if text == "\n" {
			text = ""
		}
		path, how, _ := strings.Cut(head, " ")
		switch how {
		case "crlf":
			text = strings.ReplaceAll(text, "\n", "\r\n")
		case "bom":
			text = "\ufeff" + text
		}
		switch {
		case path == "@values":
			values, err = common.ReadValues([]byte(text))
			must(err)
		case strings.HasPrefix(path, "!"):
			delete(files, path[1:])
		default:
			files[path] = text
		}
	}
	for path, text := range files {
		full := filepath.Join(dir, path)
		if strings.HasSuffix(path, "/") {
			must(os.MkdirAll(full, 0o755))
			continue
		}
		must(os.MkdirAll(filepath.Dir(full), 0o755))
		must(os.WriteFile(full, []byte(text), 0o644))
	}
	result := linter.Run([]string{dir}, values)
	var out strings.Builder
	for _, message := range result.Messages {
		fmt.Fprintln(&out, message)
	}
	if len(result.Messages) == 0 {
		for _, err := range result.Errors {
			fmt.Fprintf(&out, "Error %s\n", err)
		}
	}
	return strings.ReplaceAll(out.String(), dir, "/chart")
}
