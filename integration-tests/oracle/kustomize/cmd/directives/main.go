// Makes the expected results of the tests of those directives of strategic merge patches that Kubernetes knows and kustomize
// does not, with the API server's own library.
//
//	directives DIR   for every DIR/*.cases, writes DIR/*.expected
//
// The cases are those of post-render, with one Deployment and one patch without target each.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apps "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"
)

func main() {
	files, err := filepath.Glob(filepath.Join(os.Args[1], "*.cases"))
	must(err)
	for _, file := range files {
		run(file)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) {
	text, err := os.ReadFile(path)
	must(err)
	pieces := strings.Split("\n"+string(text), "\n=== ")
	_, shared, _ := strings.Cut(strings.TrimPrefix(pieces[0], "\n"), "\n")
	var out strings.Builder
	for _, piece := range pieces[1:] {
		name, body, _ := strings.Cut(piece, "\n")
		_, patch, found := strings.Cut(body, ">>> patch\n")
		if !found {
			must(fmt.Errorf("%s: no patch", name))
		}
		fmt.Fprintf(&out, "=== %s\n%s", name, patched(shared, patch))
	}
	must(os.WriteFile(strings.TrimSuffix(path, ".cases")+".expected", []byte(out.String()), 0o644))
}

func patched(object, patch string) string {
	original, err := yaml.YAMLToJSON([]byte(object))
	must(err)
	change, err := yaml.YAMLToJSON([]byte(patch))
	must(err)
	merged, err := strategicpatch.StrategicMergePatch(original, change, apps.Deployment{})
	if err != nil {
		return fmt.Sprintf("!error %s\n", strings.Join(strings.Fields(err.Error()), " "))
	}
	text, err := yaml.JSONToYAML(merged)
	must(err)
	return string(text)
}
