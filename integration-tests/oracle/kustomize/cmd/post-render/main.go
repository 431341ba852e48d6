// Makes the expected results of the tests of helm-engine's post-renderers with kustomize, as Flux's helm-controller runs it.
//
//	post-render DIR       for every DIR/*.cases, writes DIR/*.expected
//	post-render -serve    answers cases on standard input, for comparing many at random
//
// A case begins with `=== NAME` and consists of parts, each of a line `>>> PART` and the text below it:
//
//	>>> objects           the objects, as YAML documents
//	>>> objects NAME      those of the part `>>> let NAME` before all cases of the file, and further ones
//	>>> patch TARGET      a patch, and its target as YAML on one line if it has one
//	>>> image IMAGE       an image as YAML on one line
//	>>> renderer          begins the next renderer
//	>>> common METADATA   labels and annotations of all objects as YAML on one line
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "-serve":
		serve()
	case len(os.Args) == 2:
		files, err := filepath.Glob(filepath.Join(os.Args[1], "*.cases"))
		must(err)
		for _, file := range files {
			run(file)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: post-render DIR | -serve")
		os.Exit(2)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) {
	text, err := os.ReadFile(path)
	must(err)
	pieces := strings.Split("\n"+string(text), "\n=== ")
	shared := map[string]string{}
	for _, part := range parts(pieces[0]) {
		shared[strings.TrimPrefix(part.head, "let ")] = part.text
	}
	var out strings.Builder
	for _, piece := range pieces[1:] {
		name, body, _ := strings.Cut(piece, "\n")
		fmt.Fprintf(&out, "=== %s\n%s", name, result(body, shared))
	}
	must(os.WriteFile(strings.TrimSuffix(path, ".cases")+".expected", []byte(out.String()), 0o644))
}

// serve reads cases that each end with a line `<<<`, and ends each answer so.
func serve() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	var body strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return
		}
		must(err)
		if line != "<<<\n" {
			body.WriteString(line)
			continue
		}
		fmt.Fprintf(out, "%s<<<\n", result(body.String(), nil))
		must(out.Flush())
		body.Reset()
	}
}

type part struct{ head, text string }

func parts(body string) []part {
	var out []part
	for _, piece := range strings.Split("\n"+body, "\n>>> ")[1:] {
		head, text, _ := strings.Cut(piece, "\n")
		if text != "" {
			text = strings.TrimSuffix(text, "\n") + "\n"
		}
		out = append(out, part{head, text})
	}
	return out
}

func result(body string, shared map[string]string) (answer string) {
	defer func() {
		if fault := recover(); fault != nil {
			answer = fmt.Sprintf("!panic %s\n", oneLine(fmt.Sprint(fault)))
		}
	}()
	text, err := postRender(parts(body), shared)
	if err != nil {
		return fmt.Sprintf("!error %s\n", oneLine(err.Error()))
	}
	return text
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

// postRender runs the renderers one after the other, each on what the one before it printed.
func postRender(parts []part, shared map[string]string) (string, error) {
	objects := ""
	kustomization := types.Kustomization{}
	var err error
	for _, part := range parts {
		kind, line, _ := strings.Cut(part.head, " ")
		switch kind {
		case "objects":
			objects = shared[line] + part.text
		case "patch":
			patch := types.Patch{Patch: part.text}
			if line != "" {
				patch.Target = &types.Selector{}
				must(yaml.UnmarshalStrict([]byte(line), patch.Target))
			}
			kustomization.Patches = append(kustomization.Patches, patch)
		case "image":
			image := types.Image{}
			must(yaml.UnmarshalStrict([]byte(line), &image))
			kustomization.Images = append(kustomization.Images, image)
		case "renderer":
			if objects, err = kustomize(objects, kustomization); err != nil {
				return "", err
			}
			kustomization = types.Kustomization{}
		case "common":
			if objects, err = kustomize(objects, kustomization); err != nil {
				return "", err
			}
			return common(objects, line)
		default:
			must(fmt.Errorf("unknown part %q", part.head))
		}
	}
	return kustomize(objects, kustomization)
}

func kustomize(objects string, kustomization types.Kustomization) (string, error) {
	if len(kustomization.Patches)+len(kustomization.Images) == 0 {
		return objects, nil
	}
	files := filesys.MakeFsInMemory()
	kustomization.Resources = []string{"objects.yaml"}
	text, err := json.Marshal(kustomization)
	must(err)
	must(files.WriteFile("kustomization.yaml", text))
	must(files.WriteFile("objects.yaml", []byte(objects)))
	// No order is asked for, so objects keep theirs.
	options := &krusty.Options{LoadRestrictions: types.LoadRestrictionsNone, PluginConfig: types.DisabledPluginConfig()}
	built, err := krusty.MakeKustomizer(options).Run(files, ".")
	if err != nil {
		return "", err
	}
	return printed(built)
}

func common(objects, line string) (string, error) {
	var metadata struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	}
	must(yaml.UnmarshalStrict([]byte(line), &metadata))
	factory := resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory())
	built, err := factory.NewResMapFromBytes([]byte(objects))
	if err != nil {
		return "", err
	}
	labels := builtins.LabelTransformerPlugin{
		Labels:     metadata.Labels,
		FieldSpecs: []types.FieldSpec{{Path: "metadata/labels", CreateIfNotPresent: true}},
	}
	if err := labels.Transform(built); err != nil {
		return "", err
	}
	annotations := builtins.AnnotationsTransformerPlugin{
		Annotations: metadata.Annotations,
		FieldSpecs:  []types.FieldSpec{{Path: "metadata/annotations", CreateIfNotPresent: true}},
	}
	if err := annotations.Transform(built); err != nil {
		return "", err
	}
	return printed(built)
}

func printed(built resmap.ResMap) (string, error) {
	text, err := built.AsYaml()
	return string(text), err
}
