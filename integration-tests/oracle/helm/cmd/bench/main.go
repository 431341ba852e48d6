// Command bench is Go's side of `make bench-render`: charts rendered in process by Helm's own packages, driven over
// standard input. A request is one line of JSON, and so is its reply:
//
//	{"action":"chart","folder":"/charts/web"}   {}
//	{"action":"output"}                         {"output":"---\n# Source: …"}
//	{"action":"execute","times":100}            {"nanoseconds":123456}
//	{"action":"peak"}                           {"kib":7654}
//
// An execution is what Helm does with a chart that is loaded: it processes the dependencies, makes the values and renders;
// sorting and joining the objects, which this program's `output` does, is left out of the time. Times are of the
// processor, user and system, of all threads: the garbage collector's count. What fails replies {"error":"…"}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

type request struct {
	Action string `json:"action"`
	Folder string `json:"folder"`
	Times  int    `json:"times"`
}

type reply struct {
	Output      string `json:"output,omitempty"`
	Nanoseconds int64  `json:"nanoseconds,omitempty"`
	KiB         int64  `json:"kib,omitempty"`
	Error       string `json:"error,omitempty"`
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	var loaded *chart.Chart
	replies := json.NewEncoder(os.Stdout)
	replies.SetEscapeHTML(false)
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		answer, err := answer(&loaded, line)
		if err != nil {
			answer = reply{Error: err.Error()}
		}
		if err := replies.Encode(answer); err != nil {
			log.Fatal(err)
		}
	}
}

func answer(loaded **chart.Chart, line []byte) (reply, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return reply{}, err
	}
	switch asked.Action {
	case "chart":
		chart, err := loader.Load(asked.Folder)
		*loaded = chart
		return reply{}, err
	case "output":
		text, err := output(*loaded)
		return reply{Output: text}, err
	case "execute":
		return timed(asked.Times, func() error { _, err := render(*loaded); return err })
	case "peak":
		return peak()
	}
	return reply{}, fmt.Errorf("unknown action %q", asked.Action)
}

// render gives the output of all files that are no partials.
func render(loaded *chart.Chart) (map[string]string, error) {
	// Both change it.
	values := map[string]any{}
	if err := chartutil.ProcessDependencies(loaded, values); err != nil {
		return nil, err
	}
	capabilities := common.DefaultCapabilities.Copy()
	version, err := common.ParseKubeVersion("v1.36.0")
	if err != nil {
		return nil, err
	}
	capabilities.KubeVersion = *version
	release := common.ReleaseOptions{Name: "demo", Namespace: "space", Revision: 1, IsInstall: true}
	top, err := util.ToRenderValues(loaded, values, release, capabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(loaded, top)
}

// output is the objects that are no hooks, as a release holds them.
func output(loaded *chart.Chart) (string, error) {
	files, err := render(loaded)
	if err != nil {
		return "", err
	}
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	_, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, manifest := range manifests {
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", manifest.Name, manifest.Content)
	}
	return out.String(), nil
}

// timed is the processor's time for so many runs.
func timed(times int, run func() error) (reply, error) {
	before, err := processor()
	if err != nil {
		return reply{}, err
	}
	for range times {
		if err := run(); err != nil {
			return reply{}, err
		}
	}
	after, err := processor()
	return reply{Nanoseconds: after - before}, err
}

func processor() (int64, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano(), err
}

// peak is the most memory that was resident. Not getrusage's, which remembers the program that started this one.
func peak() (reply, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return reply{}, err
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return reply{KiB: kib}, nil
		}
	}
	return reply{}, fmt.Errorf("/proc/self/status has no VmHWM")
}
