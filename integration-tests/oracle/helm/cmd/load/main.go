// Command load writes what Helm makes of the charts in the case files crates/helm-chart/tests/cases/load-*.cases: the
// loaded chart, the chart whose dependencies are processed, its values, what was logged, or the error.
//
//	cd integration-tests/oracle/helm && go run ./cmd/load ../../../crates/helm-chart/tests/cases
//
// The format of the case files is described in cases.go. The results for a file X are in X.expected.json: an array with
// one line per case, in order. What a case consists of is in there as well, archives included, so that the other side
// need not read case files.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	v2loader "helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
)

// result is what became of one case; absent fields were not reached.
type result struct {
	Name      string         `json:"name"`
	Files     []inputFile    `json:"files,omitempty"`
	Packed    bool           `json:"packed,omitempty"`
	Archive   []byte         `json:"archive,omitempty"`
	User      string         `json:"user,omitempty"`
	Differs   string         `json:"differs,omitempty"`
	NoArchive string         `json:"no_archive,omitempty"`
	Error     string         `json:"error,omitempty"`
	Loaded    *tree          `json:"loaded,omitempty"`
	Processed *tree          `json:"processed,omitempty"`
	Values    map[string]any `json:"values,omitempty"`
	Log       []string       `json:"log,omitempty"`
}

// inputFile is a file of the case, as text if it is one.
type inputFile struct {
	Path  string `json:"path"`
	Text  string `json:"text,omitempty"`
	Bytes []byte `json:"bytes,omitempty"`
}

type tree struct {
	Metadata     *chart.Metadata `json:"metadata"`
	Lock         *chart.Lock     `json:"lock,omitempty"`
	Values       map[string]any  `json:"values"`
	Schema       string          `json:"schema,omitempty"`
	Templates    []string        `json:"templates,omitempty"`
	Files        []string        `json:"files,omitempty"`
	CRDs         []string        `json:"crds,omitempty"`
	Dependencies []*tree         `json:"dependencies,omitempty"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: load <folder of case files>")
	}
	files, err := filepath.Glob(filepath.Join(os.Args[1], "load-*.cases"))
	check(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		var results []result
		for _, c := range parseCases(string(text)) {
			results = append(results, run(c))
		}
		write(file+".expected.json", results)
	}
}

func run(c *testCase) (r result) {
	r.Name = c.name
	r.Packed, r.Archive, r.User, r.Differs = c.archive != nil, c.archive, c.values, c.differs
	for _, file := range c.files {
		if utf8.Valid(file.data) {
			r.Files = append(r.Files, inputFile{Path: file.path, Text: string(file.data)})
		} else {
			r.Files = append(r.Files, inputFile{Path: file.path, Bytes: file.data})
		}
	}
	if c.fatal {
		return r
	}
	if c.archive != nil {
		r.NoArchive = ensure(c.archive)
	}
	var logged bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
	err := r.render(c)
	slog.SetDefault(before)
	log.SetOutput(os.Stderr)
	log.SetFlags(0)
	if err != nil {
		r.Error = err.Error()
	}
	if logged.Len() > 0 {
		r.Log = strings.Split(strings.TrimSuffix(logged.String(), "\n"), "\n")
		sort.Strings(r.Log)
	}
	return r
}

// What Helm says of a file before it reads it as an archive.
func ensure(data []byte) string {
	file, err := os.CreateTemp("", "load")
	check(err)
	defer os.Remove(file.Name())
	defer file.Close()
	_, err = file.Write(data)
	check(err)
	_, err = file.Seek(0, 0)
	check(err)
	if err := archive.EnsureArchive("file", file); err != nil {
		return err.Error()
	}
	return ""
}

func (r *result) render(c *testCase) error {
	ch, err := load(c)
	if err != nil {
		return err
	}
	sortDependencies(ch)
	r.Loaded = treeOf(ch)
	values, err := v2loader.LoadValues(strings.NewReader(c.values))
	if err != nil {
		return err
	}
	if err := chartutil.ProcessDependencies(ch, values); err != nil {
		return err
	}
	r.Processed = treeOf(ch)
	r.Processed.slim()
	seen, err := util.CoalesceValues(ch, values)
	if err != nil {
		return err
	}
	r.Values = copied(seen)
	return nil
}

func load(c *testCase) (*chart.Chart, error) {
	if c.archive != nil {
		ch, err := loader.LoadArchive(bytes.NewReader(c.archive))
		if err != nil {
			return nil, err
		}
		return ch.(*chart.Chart), nil
	}
	parent, err := os.MkdirTemp("", "load")
	check(err)
	defer os.RemoveAll(parent)
	dir := filepath.Join(parent, "chart")
	check(os.Mkdir(dir, 0o755))
	for _, file := range c.files {
		path := filepath.Join(dir, file.path)
		check(os.MkdirAll(filepath.Dir(path), 0o755))
		check(os.WriteFile(path, file.data, 0o644))
	}
	if _, err := os.Stat(filepath.Join(dir, "Chart.yaml")); err != nil {
		return v2loader.LoadDir(dir)
	}
	ch, err := loader.LoadDir(dir)
	if err != nil {
		return nil, err
	}
	return ch.(*chart.Chart), nil
}

// Helm has the dependencies in the order of a Go map.
func sortDependencies(c *chart.Chart) {
	dependencies := c.Dependencies()
	sort.SliceStable(dependencies, func(i, j int) bool {
		a, b := dependencies[i].Metadata, dependencies[j].Metadata
		return a.Name+" "+a.Version < b.Name+" "+b.Version
	})
	for _, dependency := range dependencies {
		sortDependencies(dependency)
	}
}

func treeOf(c *chart.Chart) *tree {
	// A copy by way of JSON: what comes later changes the chart.
	t := &tree{Values: copied(c.Values), Schema: string(c.Schema)}
	metadata, err := json.Marshal(c.Metadata)
	check(err)
	check(json.Unmarshal(metadata, &t.Metadata))
	if c.Lock != nil {
		lock, err := json.Marshal(c.Lock)
		check(err)
		check(json.Unmarshal(lock, &t.Lock))
	}
	for _, file := range c.Templates {
		t.Templates = append(t.Templates, shown(file))
	}
	for _, file := range c.Files {
		t.Files = append(t.Files, shown(file))
	}
	if c.IsRoot() {
		for _, crd := range c.CRDObjects() {
			t.CRDs = append(t.CRDs, crd.Filename)
		}
	}
	for _, dependency := range c.Dependencies() {
		t.Dependencies = append(t.Dependencies, treeOf(dependency))
	}
	return t
}

// A file's name and length.
func shown(file *common.File) string {
	return fmt.Sprintf("%s %d", file.Name, len(file.Data))
}

// Leaves out what processing does not change.
func (t *tree) slim() {
	t.Metadata = &chart.Metadata{Name: t.Metadata.Name, Dependencies: t.Metadata.Dependencies}
	t.Lock, t.Schema, t.Templates, t.Files, t.CRDs = nil, "", nil, nil, nil
	for _, dependency := range t.Dependencies {
		dependency.slim()
	}
}

func copied(values map[string]any) (result map[string]any) {
	text, err := json.Marshal(values)
	check(err)
	check(json.Unmarshal(text, &result))
	return result
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
		// Not by log, which a case may have taken over.
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
