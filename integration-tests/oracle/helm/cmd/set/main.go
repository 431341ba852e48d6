// Command set computes what Helm makes of the values on its command line, and writes it next to the cases of
// crates/helm-chart. To regenerate, from the repository's root:
//
//	cd integration-tests/oracle/helm && go run ./cmd/set ../../../crates/helm-chart/tests/cases
//
// A case file set*.jsonl has one object per line: "values" is a values file, "files" are the files that "set-file" can
// read, and the other members are the lists of texts that the flags of these names are given.
//
// The result of a file X is X.expected.json: an array with one line per case, in order, of "values" or "error". In
// values an int64 is {"int64": "1"}, and more than eight nulls of a list are {"nulls": 9}.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/cli/values"
	"helm.sh/helm/v4/pkg/getter"
)

type testCase struct {
	Values  string            `json:"values"`
	Files   map[string]string `json:"files"`
	JSON    []string          `json:"set-json"`
	Typed   []string          `json:"set"`
	Text    []string          `json:"set-string"`
	File    []string          `json:"set-file"`
	Literal []string          `json:"set-literal"`
}

type result struct {
	Values any     `json:"values,omitempty"`
	Error  *string `json:"error,omitempty"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: set <folder of case files>")
	}
	files, err := filepath.Glob(filepath.Join(os.Args[1], "set*.jsonl"))
	check(err)
	for i := range files {
		files[i], err = filepath.Abs(files[i])
		check(err)
	}
	folder, err := os.MkdirTemp("", "set")
	check(err)
	defer os.RemoveAll(folder)
	check(os.Chdir(folder))
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		var out bytes.Buffer
		for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
			var c testCase
			decoder := json.NewDecoder(strings.NewReader(line))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&c); err != nil {
				log.Fatalf("%s:%d: %v", file, i+1, err)
			}
			out.WriteString([]string{",\n", "[\n"}[min(1, max(0, 1-i))])
			encoder := json.NewEncoder(&out)
			encoder.SetEscapeHTML(false)
			check(encoder.Encode(run(c)))
			out.Truncate(out.Len() - 1)
		}
		out.WriteString("\n]\n")
		check(os.WriteFile(file+".expected.json", out.Bytes(), 0o644))
	}
}

func run(c testCase) result {
	const base = "values.yaml"
	check(os.WriteFile(base, []byte(c.Values), 0o600))
	for name, content := range c.Files {
		check(os.WriteFile(name, []byte(content), 0o600))
		defer os.Remove(name)
	}
	options := values.Options{
		ValueFiles: []string{base}, JSONValues: c.JSON, Values: c.Typed, StringValues: c.Text,
		FileValues: c.File, LiteralValues: c.Literal,
	}
	merged, err := options.MergeValues(getter.Providers{})
	if err != nil {
		message := err.Error()
		return result{Error: &message}
	}
	return result{Values: marked(merged)}
}

// marked shows the types that JSON does not tell.
func marked(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range value {
			out[key] = marked(item)
		}
		return out
	case []any:
		return markedList(value)
	case int64:
		return map[string]string{"int64": strconv.FormatInt(value, 10)}
	case nil, bool, float64, string:
		return value
	default:
		log.Fatal(fmt.Sprintf("a value of type %T", value))
		return nil
	}
}

func markedList(list []any) any {
	out := []any{}
	nulls := 0
	flush := func() {
		if nulls > 8 {
			out = append(out, map[string]int{"nulls": nulls})
		} else {
			out = append(out, make([]any, nulls)...)
		}
		nulls = 0
	}
	for _, item := range list {
		if item == nil {
			nulls++
			continue
		}
		flush()
		out = append(out, marked(item))
	}
	flush()
	return out
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
