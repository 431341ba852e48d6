// Judges live objects as kstatus does, and Jobs as `helm --wait-for-jobs` does.
//
//	readiness FILE.cases    writes FILE.expected: name, TAB, status, TAB, message
//
// A case is a line `NAME: {OBJECT}`. The status is one of kstatus's, or Error where it cannot judge the object.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: readiness FILE.cases")
		os.Exit(2)
	}
	text, err := os.ReadFile(os.Args[1])
	must(err)
	var out strings.Builder
	for _, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, object, found := strings.Cut(line, ": ")
		if !found {
			must(fmt.Errorf("no case: %s", line))
		}
		said, message := judge(object)
		fmt.Fprintf(&out, "%s\t%s\t%s\n", name, said, strings.ReplaceAll(message, "\n", " "))
	}
	must(os.WriteFile(strings.TrimSuffix(os.Args[1], ".cases")+".expected", []byte(out.String()), 0o644))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge(text string) (string, string) {
	object := read(text)
	if object.GetKind() == "Job" && object.GroupVersionKind().Group == "batch" {
		return job(object)
	}
	result, err := status.Compute(object)
	if err != nil {
		return "Error", err.Error()
	}
	return string(result.Status), result.Message
}

// read makes of whole numbers what a client makes of them.
func read(text string) *unstructured.Unstructured {
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	must(err)
	object := &unstructured.Unstructured{}
	must(object.UnmarshalJSON(asJSON))
	return object
}

func encoded(value any) []byte {
	text, err := json.Marshal(value)
	must(err)
	return text
}
