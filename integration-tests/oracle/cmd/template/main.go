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
//	%> {{ "%FF" }}       likewise, each %XX being the byte of that number
//	=== name             a case of several lines, up to the next line that begins a case, the last newline cut off
//
// With -serve it answers cases over standard input and output instead; see serve.
//
// The result of a file X.cases is X.cases.expected.json: an array with one object per case, in order.
// There are files *.matrix as well; matrix.go tells of them.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/url"
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
	serving := flag.Bool("serve", false, "answer cases over standard input and output")
	flag.Parse()
	if *serving {
		serve(os.Stdin, os.Stdout)
		return
	}
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
	files, err = filepath.Glob(filepath.Join(flag.Arg(0), "*.matrix"))
	check(err)
	for _, file := range files {
		matrix(file)
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
		case ">", "%>", "===", "data", "missingkey":
			finish()
		}
		switch {
		case inBody:
			body = append(body, line)
		case word == ">":
			results = append(results, execute(rest, rest, data, option, withSprig))
		case word == "%>":
			decoded, err := url.PathUnescape(rest)
			check(err)
			results = append(results, execute(rest, decoded, data, option, withSprig))
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
	var out bytes.Buffer
	r := result{Case: name}
	if err := evaluate(&out, text, []byte(data), option, withSprig); err != nil {
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

// evaluate parses and executes a template; what it writes before an error stays written.
func evaluate(out io.Writer, text string, data []byte, option string, withSprig bool) error {
	var raw any
	check(json.Unmarshal(data, &raw))
	t := template.New("t").Option(option)
	if withSprig {
		t.Funcs(sprig.TxtFuncMap())
	}
	t.Funcs(functions(t))
	if _, err := t.Parse(text); err != nil {
		return err
	}
	return t.Execute(out, value(raw))
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
