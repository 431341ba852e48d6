// Prints what kustomize knows of the built-in types of Kubernetes, from the OpenAPI document that it embeds: which lists
// are merged by which keys, and which kinds have no namespace.
//
//	type NAME FIELD=FORM …         a type's fields on the way to merged lists
//	kinds APIVERSION KIND[=NAME] … the kinds of a version, `!` before those without namespace; without NAME only the
//	                               lists of metadata are merged
//
// FORM: `NAME` an object, `[KEY,KEY]NAME` a list merged by these keys, `[=]` a list of plain values that is merged as a set.
// NAME is `-` where nothing below is merged. Lists that are replaced are not looked into by kustomize.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

func main() {
	// The document is parsed when it is first asked for.
	definitions := openapi.Schema().Definitions
	table := table{definitions: definitions, merged: map[string]bool{}}
	table.findMerged()
	var types []string
	kinds := map[string][]string{}
	for name, definition := range definitions {
		if strings.HasSuffix(name, "List") || !table.merged[name] {
			continue
		}
		fields := table.fields(definition)
		of := ""
		if fields != onlyMetadata || len(kindsOf(definition)) == 0 {
			of = "=" + short(name)
			types = append(types, "type "+short(name)+fields)
		}
		for _, kind := range kindsOf(definition) {
			mark := ""
			if openapi.IsCertainlyClusterScoped(kind) {
				mark = "!"
			}
			kinds[kind.APIVersion] = append(kinds[kind.APIVersion], " "+mark+kind.Kind+of)
		}
	}
	var versions []string
	for version, list := range kinds {
		sort.Strings(list)
		versions = append(versions, "kinds "+version+strings.Join(list, ""))
	}
	for _, lines := range [][]string{types, versions} {
		sort.Strings(lines)
		fmt.Println(strings.Join(lines, "\n"))
	}
}

// onlyMetadata are the fields of a kind that holds no merged list of its own.
const onlyMetadata = " metadata=meta.v1.ObjectMeta"

type table struct {
	definitions spec.Definitions
	// Types that hold a merged list, at any depth.
	merged map[string]bool
}

func (t *table) findMerged() {
	for found := true; found; {
		found = false
		for name, definition := range t.definitions {
			if !t.merged[name] && t.fields(definition) != "" {
				t.merged[name] = true
				found = true
			}
		}
	}
}

// fields are those that hold a merged list, or are one.
func (t *table) fields(definition spec.Schema) string {
	var out []string
	for field, schema := range definition.Properties {
		if form := t.form(schema); form != "" {
			out = append(out, " "+field+"="+form)
		}
	}
	sort.Strings(out)
	return strings.Join(out, "")
}

func (t *table) form(schema spec.Schema) string {
	name := strings.TrimPrefix(schema.Ref.String(), "#/definitions/")
	if name != "" {
		if t.merged[name] {
			return short(name)
		}
		return ""
	}
	if items := schema.Items; items != nil && items.Schema != nil {
		below := t.form(*items.Schema)
		strategy, keys := (&openapi.ResourceSchema{Schema: &schema}).PatchStrategyAndKeyList()
		for _, word := range strings.Split(strategy, ",") {
			if word != "merge" {
				continue
			}
			if len(keys) == 0 {
				return "[=]"
			}
			if below == "" {
				below = "-"
			}
			return "[" + strings.Join(keys, ",") + "]" + below
		}
	}
	if more := schema.AdditionalProperties; more != nil && more.Schema != nil && t.form(*more.Schema) != "" {
		fmt.Fprintln(os.Stderr, "a map of objects with merged lists has no form yet")
		os.Exit(1)
	}
	return ""
}

func kindsOf(definition spec.Schema) []yaml.TypeMeta {
	list, _ := definition.Extensions["x-kubernetes-group-version-kind"].([]interface{})
	var out []yaml.TypeMeta
	for _, item := range list {
		kind := item.(map[string]interface{})
		version := kind["version"].(string)
		if group, _ := kind["group"].(string); group != "" {
			version = group + "/" + version
		}
		out = append(out, yaml.TypeMeta{APIVersion: version, Kind: kind["kind"].(string)})
	}
	return out
}

// short is the name without what all names begin with.
func short(name string) string {
	for _, prefix := range []string{"io.k8s.api.", "io.k8s.apimachinery.pkg.apis.", "io.k8s.kube-aggregator.pkg.apis.", "io.k8s.apiextensions-apiserver.pkg.apis."} {
		if rest, found := strings.CutPrefix(name, prefix); found {
			return rest
		}
	}
	fmt.Fprintln(os.Stderr, "a type of another package:", name)
	os.Exit(1)
	return ""
}
