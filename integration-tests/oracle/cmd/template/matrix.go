package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A matrix file *.matrix calls functions with every kind of argument. It has lines of these forms:
//
//	# a comment
//	kind NAME JSON       a kind of argument, given to the template as .v; see value
//	literal NAME TEXT    a kind of argument that stands in the template itself
//	let NAME TEXT        a variable of the calls that follow
//	except NAME NAME     kinds that the next call is not made with
//	> FUNC ARG ARG       a call that succeeds; what follows a "|" between spaces is put behind every call
//
// Each argument of a call is replaced by each kind in turn; then the call is made without its last argument, with an
// argument more, and as it is. The result of a file X.matrix is X.matrix.expected.json: one object for each call and
// replaced argument (which "_" stands for), with the kinds of each different result. Results that show an address are
// left out.

// row is a call with one argument replaced. The results are pairs: the kinds' names, and the output (its type, a blank,
// the text) or, after a "!", the error without "template: t:1:" and `executing "t" at `, and with a "~" for
// "<.v>: wrong type for value; expected ".
type row struct {
	Case    string      `json:"case"`
	Results [][2]string `json:"results"`
}

// variables are the definitions that precede each call.
var variables string

type kind struct{ name, data, literal string }

func matrix(path string) {
	text, err := os.ReadFile(path)
	check(err)
	var (
		kinds  []kind
		rows   []row
		except = map[string]bool{}
	)
	variables = ""
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		name, form, _ := strings.Cut(rest, " ")
		switch word {
		case "kind":
			kinds = append(kinds, kind{name: name, data: form})
		case "literal":
			kinds = append(kinds, kind{name: name, data: "null", literal: form})
		case "let":
			variables += "{{ $" + name + " := " + form + " }}"
		case "except":
			for _, name := range strings.Fields(rest) {
				except[name] = true
			}
		case ">":
			rows = append(rows, calls(rest, kinds, except)...)
			except = map[string]bool{}
		case "#", "":
		default:
			log.Fatalf("not a matrix line: %q", line)
		}
	}
	lines := make([]any, len(rows))
	for i := range rows {
		lines[i] = rows[i]
	}
	writeLines(path+".expected.json", lines)
}

// calls makes the rows of one call.
func calls(call string, kinds []kind, except map[string]bool) []row {
	call, behind, piped := strings.Cut(call, " | ")
	if piped {
		behind = " | " + behind
	}
	words := split(call)
	var rows []row
	for i := 1; i < len(words); i++ {
		var r row
		for _, k := range kinds {
			if except[k.name] {
				continue
			}
			with := append([]string{}, words...)
			with[i] = "_"
			r.Case = strings.Join(with, " ")
			with[i] = ".v"
			if k.literal != "" {
				with[i] = k.literal
			}
			r.add(k.name, call1(strings.Join(with, " ")+behind, k.data))
		}
		rows = append(rows, r)
	}
	r := row{Case: call}
	if len(words) > 1 {
		r.add("fewer", call1(strings.Join(words[:len(words)-1], " ")+behind, "null"))
	}
	r.add("more", call1(call+" 1"+behind, "null"))
	r.add("given", call1(call+behind, "null"))
	return append(rows, r)
}

// address is in what differs from run to run.
var address = regexp.MustCompile(`\b0x[0-9a-f]{5,}`)

func (r *row) add(name, result string) {
	if address.MatchString(result) {
		return
	}
	for i := range r.Results {
		if r.Results[i][1] == result {
			r.Results[i][0] += " " + name
			return
		}
	}
	r.Results = append(r.Results, [2]string{name, result})
}

func call1(call, data string) string {
	var out bytes.Buffer
	text := variables + "{{ $r := " + call + " }}{{ typeOf $r }} {{ $r }}"
	if err := evaluate(&out, text, []byte(`{"v": `+data+`}`), "missingkey=default", true); err != nil {
		text := strings.TrimPrefix(err.Error(), "template: t:1:")
		text = strings.Replace(text, `executing "t" at `, "", 1)
		return "!" + strings.Replace(text, "<.v>: wrong type for value; expected ", "~", 1)
	}
	if !utf8.Valid(out.Bytes()) {
		return "base64 " + base64.StdEncoding.EncodeToString(out.Bytes())
	}
	return out.String()
}

// split cuts at blanks outside of parentheses and quotes.
func split(call string) []string {
	var words []string
	depth, quoted, start := 0, false, 0
	for i, c := range call {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ' ' && depth == 0:
			words = append(words, call[start:i])
			start = i + 1
		}
	}
	return append(words, call[start:])
}

// writeLines writes a JSON array with one element a line.
func writeLines(path string, lines []any) {
	var out bytes.Buffer
	out.WriteString("[")
	for i, line := range lines {
		if i > 0 {
			out.WriteString(",")
		}
		out.WriteString("\n")
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		check(encoder.Encode(line))
		out.Truncate(out.Len() - 1)
	}
	out.WriteString("\n]\n")
	check(os.WriteFile(path, out.Bytes(), 0o644))
}
