package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// How long helm looks at a Job that does not end.
const look = 2 * time.Second

// factory gives helm's client what its waiter asks for.
type factory struct {
	kube.Factory
	config *rest.Config
}

func (f factory) ToRESTConfig() (*rest.Config, error) { return f.config, nil }

func (f factory) DynamicClient() (dynamic.Interface, error) { return dynamic.NewForConfig(f.config) }

var told = regexp.MustCompile(`not ready\. status: (\w+), message: (.*)`)

// job lets helm wait for a Job: its reader of Jobs is internal to helm. The API server holds this one object for ever.
func job(object *unstructured.Unstructured) (string, string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/api":
			fmt.Fprint(w, `{"kind":"APIVersions","versions":["v1"]}`)
		case r.URL.Path == "/apis":
			fmt.Fprint(w, `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"batch","versions":[{"groupVersion":"batch/v1","version":"v1"}],`+
				`"preferredVersion":{"groupVersion":"batch/v1","version":"v1"}}]}`)
		case r.URL.Path == "/api/v1":
			fmt.Fprint(w, `{"kind":"APIResourceList","groupVersion":"v1","resources":[]}`)
		case r.URL.Path == "/apis/batch/v1" || r.URL.Path == "/apis/batch":
			fmt.Fprint(w, `{"kind":"APIResourceList","groupVersion":"batch/v1","resources":[{"name":"jobs","singularName":"job",`+
				`"namespaced":true,"kind":"Job","verbs":["get","list","watch"]}]}`)
		case strings.HasSuffix(r.URL.Path, "/jobs") && r.URL.Query().Get("watch") != "":
			if r.URL.Query().Get("sendInitialEvents") == "true" {
				fmt.Fprintf(w, `{"type":"ADDED","object":%s}`+"\n", encoded(object.Object))
				fmt.Fprint(w, `{"type":"BOOKMARK","object":{"apiVersion":"batch/v1","kind":"Job","metadata":{"resourceVersion":"1",`+
					`"annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n")
			}
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case strings.HasSuffix(r.URL.Path, "/jobs"):
			fmt.Fprintf(w, `{"kind":"JobList","apiVersion":"batch/v1","metadata":{"resourceVersion":"1"},"items":[%s]}`, encoded(object.Object))
		case strings.HasSuffix(r.URL.Path, "/jobs/"+object.GetName()):
			w.Write(encoded(object.Object))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	client := &kube.Client{Factory: factory{config: &rest.Config{Host: server.URL}}}
	waiter, err := client.GetWaiter(kube.StatusWatcherStrategy)
	must(err)
	info := &resource.Info{Namespace: object.GetNamespace(), Name: object.GetName(), Object: object}
	err = waiter.WaitWithJobs(kube.ResourceList{info}, look)
	server.CloseClientConnections()
	if err == nil {
		return "Current", ""
	}
	found := told.FindStringSubmatch(err.Error())
	if found == nil {
		must(fmt.Errorf("helm told something else: %w", err))
	}
	return found[1], found[2]
}
