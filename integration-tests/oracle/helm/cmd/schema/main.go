// Command schema computes what Helm says of values and schemas, and writes it next to the cases of crates/helm-chart.
// To regenerate, from the repository's root:
//
//	cd integration-tests/oracle/helm && go run ./cmd/schema ../../../crates/helm-chart/tests/cases
//
// A case file schema*.jsonl has one object per line: "schema" is the schema of the chart `c` (a string is taken as its
// text), "dependencies" are the charts below it, each with "name", "schema" and "dependencies", "values" are the
// values, and "set" is laid over them as by --set.
//
// The result of a file X is X.expected.json: an array with one line per case, in order, of "valid" or "error". Helm's
// order is random where maps are walked: the lines below a line, and the names in one, are sorted. What follows the URL
// that failed loading, and the places of duplicates, are cut off.
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/strvals"
)

type testChart struct {
	Name         string          `json:"name"`
	Schema       json.RawMessage `json:"schema"`
	Dependencies []testChart     `json:"dependencies"`
}

type testCase struct {
	testChart
	Values map[string]any `json:"values"`
	Set    string         `json:"set"`
}

type result struct {
	Valid bool   `json:"valid,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: schema <folder of case files>")
	}
	files, err := filepath.Glob(filepath.Join(os.Args[1], "schema*.jsonl"))
	check(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		var lines []string
		for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
			var c testCase
			decoder := json.NewDecoder(strings.NewReader(line))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&c); err != nil {
				log.Fatalf("%s:%d: %v", file, i+1, err)
			}
			var out bytes.Buffer
			encoder := json.NewEncoder(&out)
			encoder.SetEscapeHTML(false)
			check(encoder.Encode(run(c)))
			lines = append(lines, strings.TrimSuffix(out.String(), "\n"))
		}
		expected := "[\n" + strings.Join(lines, ",\n") + "\n]\n"
		check(os.WriteFile(file+".expected.json", []byte(expected), 0o644))
	}
}

func run(c testCase) result {
	if c.Name == "" {
		c.Name = "c"
	}
	if c.Values == nil {
		c.Values = map[string]any{}
	}
	check(strvals.ParseInto(c.Set, c.Values))
	if err := util.ValidateAgainstSchema(made(c.testChart), c.Values); err != nil {
		return result{Error: canonical(err.Error())}
	}
	return result{Valid: true}
}

func made(c testChart) *chart.Chart {
	made := &chart.Chart{Metadata: &chart.Metadata{Name: c.Name}}
	if len(c.Schema) > 0 {
		made.Schema = c.Schema
		var text string
		if json.Unmarshal(c.Schema, &text) == nil {
			made.Schema = []byte(text)
		}
	}
	for _, dependency := range c.Dependencies {
		made.AddDependency(dependency.made())
	}
	return made
}

func (c testChart) made() *chart.Chart { return made(c) }

var (
	cut     = regexp.MustCompile(`(failing loading "[^"]*"|duplicate \w+ "[^"]*" in "[^"]*").*`)
	listed  = regexp.MustCompile(`^(.* additional properties )(.*)( not allowed)$`)
)

// canonical sorts what is random.
func canonical(text string) string {
	text = cut.ReplaceAllString(text, "$1")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if parts := listed.FindStringSubmatch(line); parts != nil {
			names := strings.Split(parts[2], ", ")
			slices.Sort(names)
			lines[i] = parts[1] + strings.Join(names, ", ") + parts[3]
		}
	}
	return strings.Join(sorted(lines, 0), "\n")
}

// sorted puts the lines that begin with "- " at this depth, with what is below each, in order.
func sorted(lines []string, depth int) []string {
	begins := func(line string) bool { return strings.HasPrefix(line, strings.Repeat("  ", depth)+"- ") }
	var out []string
	for i := 0; i < len(lines); {
		if !begins(lines[i]) {
			out = append(out, lines[i])
			i++
			continue
		}
		var blocks []string
		for i < len(lines) && begins(lines[i]) {
			end := i + 1
			for end < len(lines) && strings.HasPrefix(lines[end], strings.Repeat("  ", depth+1)) {
				end++
			}
			block := append([]string{lines[i]}, sorted(lines[i+1:end], depth+1)...)
			blocks = append(blocks, strings.Join(block, "\n"))
			i = end
		}
		slices.Sort(blocks)
		out = append(out, blocks...)
	}
	return out
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
