package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/asaskevich/govalidator"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/deprecation"
	kscheme "k8s.io/client-go/kubernetes/scheme"
)

func deprecations() {
	scheme := runtime.NewScheme()
	must(kscheme.AddToScheme(scheme))
	var rows []string
	for gvk := range scheme.AllKnownTypes() {
		object, err := scheme.New(gvk)
		must(err)
		object.GetObjectKind().SetGroupVersionKind(gvk)
		since, ok := object.(interface{ APILifecycleDeprecated() (int, int) })
		if !ok || !deprecation.IsDeprecated(object, 1<<30, 0) {
			continue
		}
		major, minor := since.APILifecycleDeprecated()
		rows = append(rows, fmt.Sprintf("%s\t%s\t%d.%d\t%s", gvk.GroupVersion(), gvk.Kind, major, minor, deprecation.WarningMessage(object)))
	}
	sort.Strings(rows)
	fmt.Println(strings.Join(rows, "\n"))
}

func addresses(path string) {
	text, err := os.ReadFile(path)
	must(err)
	for _, row := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		columns := strings.SplitN(row, "\t", 3)
		kind, address := columns[0], columns[1]
		valid := map[string]func(string) bool{
			"email": govalidator.IsEmail, "url": govalidator.IsURL, "request": govalidator.IsRequestURL,
		}[kind](address)
		fmt.Printf("%s\t%s\t%t\n", kind, address, valid)
	}
}
