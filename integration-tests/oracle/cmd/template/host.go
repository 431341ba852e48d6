package main

import (
	"encoding/base64"
	"fmt"
	"log"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// functions are those that the cases use besides the built-in ones.
func functions(t *template.Template) template.FuncMap {
	return template.FuncMap{
		"t_add":     func(a, b int) int { return a + b },
		"t_add64":   func(a, b int64) int64 { return a + b },
		"t_half":    func(a float64) float64 { return a / 2 },
		"t_not":     func(a bool) bool { return !a },
		"t_uint":    func(a uint) uint { return a },
		"t_upper":   strings.ToUpper,
		"t_concat":  func(parts ...string) string { return strings.Join(parts, "") },
		"t_pair":    func(sep string, parts ...any) string { return sep + fmt.Sprint(parts...) },
		"t_fail":    func(message string) (string, error) { return "", fmt.Errorf("%s", message) },
		"t_nil":     func() any { return nil },
		"t_any":     func(v any) any { return v },
		"t_keys":    func(m map[string]any) int { return len(m) },
		"t_items":   func(l []any) int { return len(l) },
		"t_names":   func(l []string) int { return len(l) },
		"t_complex": func(a complex128) complex128 { return a },
		"t_f32":     func(a float32) float32 { return a },
		"t_i8":      func(a int8) int8 { return a },
		"t_u8":      func(a uint8) uint8 { return a },
		"t_bytes":   func(a []byte) string { return string(a) },
		"t_strmap":  func(m map[string]string) int { return len(m) },
		"t_server":  func(s *server) bool { return s == nil },
		"t_apply":   func(f func(int, string) string) string { return f(2, "x") },
		"t_joiner": func() func(...string) string {
			return func(parts ...string) string { return strings.Join(parts, "+") }
		},
		"t_func": func() func(int, string) string { return func(n int, s string) string { return strings.Repeat(s, n) } },
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
	// Integers are given as numbers or, where these would be rounded, as text.
	signed, unsigned := int64(number), uint64(number)
	if text != "" {
		signed, _ = strconv.ParseInt(text, 10, 64)
		unsigned, _ = strconv.ParseUint(text, 10, 64)
	}
	switch key {
	case "$int":
		return int(signed)
	case "$int8":
		return int8(signed)
	case "$int16":
		return int16(signed)
	case "$int32":
		return int32(signed)
	case "$int64":
		return signed
	case "$uint":
		return uint(unsigned)
	case "$uint8":
		return uint8(unsigned)
	case "$uint16":
		return uint16(unsigned)
	case "$uint32":
		return uint32(unsigned)
	case "$uint64":
		return unsigned
	case "$float32":
		return float32(number)
	case "$float":
		switch text {
		case "NaN":
			return math.NaN()
		case "Inf":
			return math.Inf(1)
		case "-Inf":
			return math.Inf(-1)
		}
		return math.Copysign(0, -1)
	case "$complex":
		re, _ := list[0].(float64)
		im, _ := list[1].(float64)
		return complex(re, im)
	case "$func":
		return func(n int, s string) string { return strings.Repeat(s, n) }
	case "$bytes":
		return slices.Clip([]byte(text))
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
	case "$intmap":
		m := map[string]int{}
		for key, item := range object {
			n, _ := item.(float64)
			m[key] = int(n)
		}
		return m
	case "$lists":
		lists := make([][]any, len(list))
		for i := range list {
			items, _ := value(list[i]).([]any)
			lists[i] = items
		}
		return lists
	case "$maps":
		maps := make([]map[string]any, len(list))
		for i := range list {
			entries, _ := value(list[i]).(map[string]any)
			maps[i] = entries
		}
		return maps
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
