package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

const maxIncludes = 1000

// functions are those of a render by Helm 4.3, without what needs TOML, durations or a cluster.
func functions(set *template.Template) template.FuncMap {
	table := sprig.TxtFuncMap()
	delete(table, "env")
	delete(table, "expandenv")
	running := make(map[string]int)
	maps.Copy(table, template.FuncMap{
		"include":  include(set, running),
		"tpl":      tpl(set, running),
		"required": required,
		"fail":     func(message string) (string, error) { return "", errors.New(message) },
		"toYaml":   toYaml,
		"fromYaml": fromYaml,
		"toJson":   toJSON,
		"lookup": func(string, string, string, string) (map[string]any, error) {
			return map[string]any{}, nil
		},
		"getHostByName": func(string) string { return "" },
	})
	return table
}

func include(set *template.Template, running map[string]int) func(string, any) (string, error) {
	return func(name string, data any) (string, error) {
		if running[name] > maxIncludes {
			return "", fmt.Errorf("rendering template has a nested reference name: %s: unable to execute template", name)
		}
		running[name]++
		var out strings.Builder
		err := set.ExecuteTemplate(&out, name, data)
		running[name]--
		return out.String(), err
	}
}

// tpl runs a text in a copy of the set, so that its definitions stay its own.
func tpl(parent *template.Template, running map[string]int) func(string, any) (string, error) {
	return func(text string, data any) (string, error) {
		set, err := parent.Clone()
		if err != nil {
			return "", fmt.Errorf("cannot clone template: %w", err)
		}
		set.Option("missingkey=zero")
		set.Funcs(template.FuncMap{"include": include(set, running), "tpl": tpl(set, running)})
		set, err = set.New(parent.Name()).Parse(text)
		if err != nil {
			return "", fmt.Errorf("cannot parse template %q: %w", text, err)
		}
		var out strings.Builder
		if err := set.Execute(&out, data); err != nil {
			return "", fmt.Errorf("error during tpl function execution for %q: %w", text, err)
		}
		return strings.ReplaceAll(out.String(), "<no value>", ""), nil
	}
}

func required(message string, value any) (any, error) {
	if text, ok := value.(string); value == nil || ok && text == "" {
		return value, errors.New(message)
	}
	return value, nil
}

func toYaml(value any) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

func fromYaml(text string) map[string]any {
	table := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &table); err != nil {
		table["Error"] = err.Error()
	}
	return table
}

func toJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}
