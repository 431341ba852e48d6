// Command yaml computes what Go's YAML and JSON libraries make of the cases of crates/go-yaml, and writes it next
// to them. To regenerate, from the repository's root:
//
//	cd integration-tests/oracle && go run ./cmd/yaml ../../crates/go-yaml/tests/cases
//
// Case files, by suffix:
//
//	*.scalars  one text per line: read as a value, as a key, and printed as a string
//	*.yaml.txt YAML texts, each after a line "### name"; "### name quoted" has a Go string literal as its text
//	*.jsonl    one JSON value per line, printed in every style and as TOML
//	*.json.txt one Go string literal per line, read as JSON
//
// The result of a file X is X.expected.json: an array with one line per case, in order.
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

	"sigs.k8s.io/yaml"
)

// result is what became of one case; absent fields were not asked for or failed.
type result struct {
	Name      string  `json:"name"`
	JSON      *string `json:"json,omitempty"`
	YAML      *string `json:"yaml,omitempty"`
	Raw       *string `json:"raw,omitempty"`
	Pretty    *string `json:"pretty,omitempty"`
	Error     *string `json:"error,omitempty"`
	Key       *string `json:"key,omitempty"`
	KeyError  *string `json:"key_error,omitempty"`
	Print     *string `json:"print,omitempty"`
	PrintsErr *string `json:"print_error,omitempty"`
	TOML      *string `json:"toml,omitempty"`
	TOMLError *string `json:"toml_error,omitempty"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: yaml <folder of case files> | yaml -serve")
	}
	if os.Args[1] == "-serve" {
		serve()
		return
	}
	kinds := map[string]func(string) []result{
		".scalars": scalars, ".yaml.txt": documents, ".jsonl": prints, ".json.txt": jsonReads,
	}
	for suffix, run := range kinds {
		files, err := filepath.Glob(filepath.Join(os.Args[1], "*"+suffix))
		check(err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			check(err)
			write(file+".expected.json", run(string(text)))
		}
	}
}

func scalars(text string) (results []result) {
	for _, line := range lines(text) {
		r := result{Name: line}
		r.JSON, r.Error = toJSON("v: " + line + "\n")
		r.Key, r.KeyError = toJSON(line + ": v\n")
		r.Print, r.PrintsErr = toYAML(map[string]any{"v": line, line: "k"})
		results = append(results, r)
	}
	return results
}

func documents(text string) (results []result) {
	for _, part := range strings.Split("\n"+strings.TrimSuffix(text, "\n"), "\n### ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		if quoted, found := strings.CutSuffix(name, " quoted"); found {
			var err error
			name = quoted
			body, err = strconv.Unquote(strings.TrimSpace(body))
			check(err)
		} else {
			body += "\n"
		}
		r := result{Name: name}
		r.JSON, r.Error = toJSON(body)
		if r.JSON != nil {
			printed, err := yaml.JSONToYAML([]byte(*r.JSON))
			r.YAML, r.PrintsErr = outcome(printed, err)
		}
		results = append(results, r)
	}
	return results
}

func prints(text string) (results []result) {
	for _, line := range lines(text) {
		var value any
		check(json.Unmarshal([]byte(line), &value))
		r := result{Name: line}
		r.YAML, r.Error = toYAML(value)
		compact, err := json.Marshal(value)
		r.JSON, _ = outcome(compact, err)
		pretty, err := json.MarshalIndent(value, "", "  ")
		r.Pretty, _ = outcome(pretty, err)
		var raw bytes.Buffer
		encoder := json.NewEncoder(&raw)
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(value)
		r.Raw, _ = outcome(bytes.TrimSuffix(raw.Bytes(), []byte("\n")), err)
		r.TOML, r.TOMLError = outcome(tomlOf(value))
		results = append(results, r)
	}
	return results
}

func jsonReads(text string) (results []result) {
	for _, line := range lines(text) {
		body, err := strconv.Unquote(line)
		check(err)
		var value any
		r := result{Name: line}
		if err := json.Unmarshal([]byte(body), &value); err != nil {
			r.Error, _ = outcome([]byte(err.Error()), nil)
		} else {
			compact, err := json.Marshal(value)
			r.JSON, _ = outcome(compact, err)
		}
		results = append(results, r)
	}
	return results
}

func toJSON(text string) (*string, *string) {
	return outcome(yaml.YAMLToJSON([]byte(text)))
}

func toYAML(value any) (*string, *string) {
	return outcome(yaml.Marshal(value))
}

func outcome(text []byte, err error) (*string, *string) {
	if err != nil {
		message := err.Error()
		return nil, &message
	}
	s := string(text)
	return &s, nil
}

func lines(text string) []string {
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func write(file string, results []result) {
	var out bytes.Buffer
	for i, r := range results {
		line := new(bytes.Buffer)
		encoder := json.NewEncoder(line)
		encoder.SetEscapeHTML(false)
		check(encoder.Encode(r))
		separator := ",\n"
		if i == 0 {
			separator = "[\n"
		}
		fmt.Fprint(&out, separator, strings.TrimSuffix(line.String(), "\n"))
	}
	out.WriteString("\n]\n")
	check(os.WriteFile(file, out.Bytes(), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
