// Command index computes what Helm takes of a repository's index and of a registry's tags, and writes it next to the cases
// of crates/helm-chart, and how it resolves the addresses of archives. To regenerate, from the repository's root:
//
//	cd integration-tests/oracle/helm && go run ./cmd/index ../../../crates/helm-chart/tests/cases ../../../crates/release-operator/tests/cases
//
// A case of a file index*.cases is an index, or tags, and what is asked of it:
//
//	### name
//	=== index [quoted]   the index; the lines of a quoted one are Go string literals, which are put together
//	=== tags             a tag a line
//	=== ask              a chart's name and, after a blank, a version or range a line; of tags the name is left out
//	=== ours             what our side answers, a line for each line of "ask", where Helm refuses the index; handed on
//
// The result of a file X is X.expected.json: an array with one line per case, in order.
//
// The file chart_urls.txt of the other folder has lines of a repository's URL and an archive's; the result is
// chart_urls.txt.expected, the same lines with the address that Helm fetches, or "error".
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"

	"helm.sh/helm/v4/pkg/registry"
	"helm.sh/helm/v4/pkg/repo/v1"
)

type testCase struct {
	name  string
	index []byte
	tags  []string
	asks  []string
	ours  []string
}

type result struct {
	Name    string   `json:"name"`
	Load    string   `json:"load,omitempty"`
	Answers []answer `json:"answers,omitempty"`
	Ours    []string `json:"ours,omitempty"`
}

type answer struct {
	Ask     string `json:"ask"`
	Version string `json:"version,omitempty"`
	URL     string `json:"url,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Error   string `json:"error,omitempty"`
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: index <folder of index cases> <folder of URL cases>")
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	files, err := filepath.Glob(filepath.Join(os.Args[1], "index*.cases"))
	check(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		var out bytes.Buffer
		for i, c := range parse(string(text)) {
			out.WriteString([]string{",\n", "[\n"}[min(1, max(0, 1-i))])
			encoder := json.NewEncoder(&out)
			encoder.SetEscapeHTML(false)
			check(encoder.Encode(run(c)))
			out.Truncate(out.Len() - 1)
		}
		out.WriteString("\n]\n")
		check(os.WriteFile(file+".expected.json", out.Bytes(), 0o644))
	}
	urls(filepath.Join(os.Args[2], "chart_urls.txt"))
}

func parse(text string) (cases []testCase) {
	for _, part := range strings.Split("\n"+text, "\n### ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		c := testCase{name: strings.TrimSpace(name)}
		for _, section := range strings.Split("\n"+strings.TrimRight(body, "\n"), "\n=== ")[1:] {
			head, content, _ := strings.Cut(section, "\n")
			lines := strings.Split(content, "\n")
			switch strings.TrimSpace(head) {
			case "index":
				c.index = []byte(content + "\n")
			case "index quoted":
				for _, line := range lines {
					part, err := strconv.Unquote(line)
					if err != nil {
						log.Fatalf("%s: %s: %v", name, line, err)
					}
					c.index = append(c.index, part...)
				}
			case "tags":
				c.tags = lines
			case "ask":
				c.asks = lines
			case "ours":
				c.ours = lines
			default:
				log.Fatalf("%s: unknown section %s", name, head)
			}
		}
		cases = append(cases, c)
	}
	return cases
}

func run(c testCase) result {
	r := result{Name: c.name, Ours: c.ours}
	if c.tags != nil {
		sorted := sortedTags(c.tags)
		for _, ask := range c.asks {
			tag, err := registry.GetTagMatchingVersionOrConstraint(sorted, ask)
			r.Answers = append(r.Answers, answer{Ask: ask, Version: tag, Error: text(err)})
		}
		return r
	}
	file := filepath.Join(os.TempDir(), "oracle-index.yaml")
	check(os.WriteFile(file, c.index, 0o600))
	defer os.Remove(file)
	index, err := repo.LoadIndexFile(file)
	if err != nil {
		r.Load = strings.ReplaceAll(err.Error(), file, "index.yaml")
		return r
	}
	for _, ask := range c.asks {
		name, version, _ := strings.Cut(ask, " ")
		a := answer{Ask: ask}
		got, err := index.Get(name, version)
		if err != nil {
			a.Error = err.Error()
		} else {
			a.Version, a.Digest = got.Version, got.Digest
			if len(got.URLs) > 0 {
				a.URL = got.URLs[0]
			}
		}
		r.Answers = append(r.Answers, a)
	}
	return r
}

// As the client's method Tags has them, which needs a registry.
func sortedTags(tags []string) (sorted []string) {
	var versions []*semver.Version
	for _, tag := range tags {
		if version, err := semver.StrictNewVersion(strings.ReplaceAll(tag, "_", "+")); err == nil {
			versions = append(versions, version)
		}
	}
	sort.Sort(sort.Reverse(semver.Collection(versions)))
	for _, version := range versions {
		sorted = append(sorted, version.String())
	}
	return sorted
}

func urls(file string) {
	lines, err := os.ReadFile(file)
	check(err)
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n") {
		base, reference, _ := strings.Cut(line, " ")
		resolved, err := repo.ResolveReferenceURL(base, reference)
		if err != nil {
			resolved = "error"
		}
		fmt.Fprintf(&out, "%s %s %s\n", base, reference, resolved)
	}
	check(os.WriteFile(file+".expected", []byte(out.String()), 0o644))
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
