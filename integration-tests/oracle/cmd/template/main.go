// Command template executes the cases of crates/go-template and crates/sprig with Go's text/template and Sprig, and
// writes the results next to them. To regenerate, from the repository's root:
//
//	cd integration-tests/oracle && go run ./cmd/template ../../crates/go-template/tests/cases
//	cd integration-tests/oracle && go run ./cmd/template -sprig ../../crates/sprig/tests/cases
//
// A case file *.cases has lines of these forms:
//
//	# a comment
//	data {"a": 1}        the data of the cases that follow; see value
//	missingkey zero      the option of the cases that follow
//	> {{ .a }}           a case: the rest of the line is a template
//	=== name             a case of several lines, up to the next line that begins a case, the last newline cut off
//
// The result of a file X.cases is X.cases.expected.json: an array with one object per case, in order.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/Masterminds/sprig/v3"
)

type result struct {
	Case     string  `json:"case"`
	Output   *string `json:"output,omitempty"`
	Output64 *string `json:"output_base64,omitempty"`
	Error    *string `json:"error,omitempty"`
}

func main() {
	withSprig := flag.Bool("sprig", false, "register Sprig's functions")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: template [-sprig] FOLDER")
	}
	files, err := filepath.Glob(filepath.Join(flag.Arg(0), "*.cases"))
	check(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		write(file+".expected.json", run(string(text), *withSprig))
	}
}

func run(text string, withSprig bool) []result {
	var (
		results []result
		data    = "null"
		option  = "missingkey=default"
		name    string
		body    []string
		inBody  bool
	)
	finish := func() {
		if inBody {
			results = append(results, execute(name, strings.Join(body, "\n"), data, option, withSprig))
		}
		inBody, body = false, nil
	}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case ">", "===", "data", "missingkey":
			finish()
		}
		switch {
		case inBody:
			body = append(body, line)
		case word == ">":
			results = append(results, execute(rest, rest, data, option, withSprig))
		case word == "===":
			name, inBody = rest, true
		case word == "data":
			data = rest
		case word == "missingkey":
			option = "missingkey=" + rest
		case word == "#" || line == "":
		default:
			log.Fatalf("not a case line: %q", line)
		}
	}
	finish()
	return results
}

func execute(name, text, data, option string, withSprig bool) result {
	var raw any
	check(json.Unmarshal([]byte(data), &raw))
	var out bytes.Buffer
	t := template.New("t").Option(option)
	if withSprig {
		t.Funcs(sprig.TxtFuncMap())
	}
	t.Funcs(functions(t))
	_, err := t.Parse(text)
	if err == nil {
		err = t.Execute(&out, value(raw))
	}
	r := result{Case: name}
	if err != nil {
		message := err.Error()
		r.Error = &message
		return r
	}
	if output := out.String(); utf8.ValidString(output) {
		r.Output = &output
	} else {
		encoded := base64.StdEncoding.EncodeToString(out.Bytes())
		r.Output64 = &encoded
	}
	return r
}

// functions are those that the cases use besides the built-in ones.
func functions(t *template.Template) template.FuncMap {
	return template.FuncMap{
		"t_add":    func(a, b int) int { return a + b },
		"t_add64":  func(a, b int64) int64 { return a + b },
		"t_half":   func(a float64) float64 { return a / 2 },
		"t_not":    func(a bool) bool { return !a },
		"t_uint":   func(a uint) uint { return a },
		"t_upper":  strings.ToUpper,
		"t_concat": func(parts ...string) string { return strings.Join(parts, "") },
		"t_pair":   func(sep string, parts ...any) string { return sep + fmt.Sprint(parts...) },
		"t_fail":   func(message string) (string, error) { return "", fmt.Errorf("%s", message) },
		"t_nil":    func() any { return nil },
		"t_any":    func(v any) any { return v },
		"t_keys":   func(m map[string]any) int { return len(m) },
		"t_items":  func(l []any) int { return len(l) },
		"t_names":  func(l []string) int { return len(l) },
		"t_func":   func() func(int, string) string { return func(n int, s string) string { return strings.Repeat(s, n) } },
		"t_include": func(name string, data any) (string, error) {
			var out strings.Builder
			err := t.ExecuteTemplate(&out, name, data)
			return out.String(), err
		},
		"t_tpl": func(text string, data any) (string, error) {
			clone, err := t.Clone()
			if err != nil {
				return "", err
			}
			inner, err := clone.New("t").Parse(text)
			if err != nil {
				return "", err
			}
			var out strings.Builder
			err = inner.Execute(&out, data)
			return out.String(), err
		},
	}
}

// server is the host object of the cases.
type server struct {
	Name string
	Port int
	Tags []string
	Next *server
	Any  any
}

func (s *server) Greet(name string) string { return s.Name + " greets " + name }
func (s *server) Sum(numbers ...int) (total int) {
	for _, n := range numbers {
		total += n
	}
	return total
}
func (s *server) Fail(message string) (string, error) { return "", fmt.Errorf("%s", message) }

// version is a host object with a text of its own.
type version struct{ Major, Minor int }

func (v version) String() string { return fmt.Sprintf("v%d.%d", v.Major, v.Minor) }

// names is a named slice with a method, settings a named map with one.
type names []string

func (n names) Has(name string) bool {
	for _, other := range n {
		if other == name {
			return true
		}
	}
	return false
}

type settings map[string]any

func (s settings) Size() int { return len(s) }

// value turns JSON data into Go values. An object with a single key that begins with "$" stands for a value that JSON
// cannot express.
func value(raw any) any {
	switch raw := raw.(type) {
	case []any:
		list := make([]any, len(raw))
		for i, item := range raw {
			list[i] = value(item)
		}
		return list
	case map[string]any:
		if len(raw) == 1 {
			for key, arg := range raw {
				if strings.HasPrefix(key, "$") {
					return special(key, arg)
				}
			}
		}
		m := make(map[string]any, len(raw))
		for key, item := range raw {
			m[key] = value(item)
		}
		return m
	}
	return raw
}

func special(key string, arg any) any {
	number, _ := arg.(float64)
	text, _ := arg.(string)
	list, _ := arg.([]any)
	object, _ := arg.(map[string]any)
	strs := make([]string, len(list))
	for i := range list {
		strs[i], _ = list[i].(string)
	}
	switch key {
	case "$int":
		return int(number)
	case "$int8":
		return int8(number)
	case "$int32":
		return int32(number)
	case "$int64":
		return int64(number)
	case "$uint":
		return uint(number)
	case "$uint8":
		return uint8(number)
	case "$uint64":
		return uint64(number)
	case "$float32":
		return float32(number)
	case "$bytes":
		return []byte(text)
	case "$base64":
		decoded, err := base64.StdEncoding.DecodeString(text)
		check(err)
		return string(decoded)
	case "$strings":
		return strs
	case "$ints":
		ints := make([]int, len(list))
		for i := range list {
			n, _ := list[i].(float64)
			ints[i] = int(n)
		}
		return ints
	case "$stringmap":
		m := map[string]string{}
		for key, item := range object {
			m[key], _ = item.(string)
		}
		return m
	case "$nillist":
		return []any(nil)
	case "$nilmap":
		return map[string]any(nil)
	case "$nilserver":
		return (*server)(nil)
	case "$server":
		return &server{
			Name: text, Port: 80, Tags: []string{"a", "b"}, Next: &server{Name: "next", Any: map[string]any{"k": "v"}},
		}
	case "$version":
		return version{1, 31}
	case "$names":
		return names(strs)
	case "$settings":
		s := settings{}
		for key, item := range object {
			s[key] = value(item)
		}
		return s
	}
	log.Fatalf("unknown special value %s", key)
	return nil
}

func write(path string, results []result) {
	var out bytes.Buffer
	out.WriteString("[")
	for i, r := range results {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		check(encoder.Encode(r))
		if i > 0 {
			out.WriteString(",")
		}
		out.WriteString("\n" + strings.TrimSuffix(line.String(), "\n"))
	}
	out.WriteString("\n]\n")
	check(os.WriteFile(path, out.Bytes(), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
