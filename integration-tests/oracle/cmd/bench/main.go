// Command bench is Go's side of `make bench-template`: text/template with the functions that Helm 4.3 registers, driven
// over standard input. A request is one line of JSON, and so is its reply:
//
//	{"action":"load","files":[{"name":"a.yaml","text":"{{ .x }}"}],"data":{"x":1}}   {}
//	{"action":"output"}                                                            {"output":"1"}
//	{"action":"execute","times":100}                                               {"nanoseconds":123456}
//	{"action":"parse","times":100}                                                 {"nanoseconds":123456}
//	{"action":"peak"}                                                              {"kib":7654}
//
// Times are of the processor, user and system, of all threads: the garbage collector's count. What fails replies
// {"error":"…"}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path"
	"strings"
	"syscall"
	"text/template"
)

type request struct {
	Action string         `json:"action"`
	Files  []file         `json:"files"`
	Data   map[string]any `json:"data"`
	Times  int            `json:"times"`
}

type file struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

type reply struct {
	Output      string `json:"output,omitempty"`
	Nanoseconds int64  `json:"nanoseconds,omitempty"`
	KiB         int64  `json:"kib,omitempty"`
	Error       string `json:"error,omitempty"`
}

// loaded is what a load request leaves: the templates, parsed, and their data.
type loaded struct {
	set   *template.Template
	files []file
	data  map[string]any
}

func main() {
	var state loaded
	replies := json.NewEncoder(os.Stdout)
	replies.SetEscapeHTML(false)
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		answer, err := state.answer(line)
		if err != nil {
			answer = reply{Error: err.Error()}
		}
		if err := replies.Encode(answer); err != nil {
			log.Fatal(err)
		}
	}
}

func (s *loaded) answer(line []byte) (reply, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return reply{}, err
	}
	switch asked.Action {
	case "load":
		set := template.New("gotpl").Option("missingkey=zero")
		set.Funcs(functions(set))
		*s = loaded{set: set, files: asked.Files, data: asked.Data}
		return reply{}, s.parse()
	case "output":
		output, err := s.execute()
		return reply{Output: output}, err
	case "execute":
		return timed(asked.Times, func() error { _, err := s.execute(); return err })
	case "parse":
		return timed(asked.Times, s.parse)
	case "peak":
		return peak()
	}
	return reply{}, fmt.Errorf("unknown action %q", asked.Action)
}

// parse puts the files into the set, in place of what an earlier call put there.
func (s *loaded) parse() error {
	for _, file := range s.files {
		if _, err := s.set.New(file.Name).Parse(file.Text); err != nil {
			return err
		}
	}
	return nil
}

// execute gives the output of all files that are no partials.
func (s *loaded) execute() (string, error) {
	var out strings.Builder
	for _, file := range s.files {
		if strings.HasPrefix(path.Base(file.Name), "_") {
			continue
		}
		if err := s.set.ExecuteTemplate(&out, file.Name, s.data); err != nil {
			return "", err
		}
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
