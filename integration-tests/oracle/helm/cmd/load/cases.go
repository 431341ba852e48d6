package main

import (
	"log"
	"path"
	"sort"
	"strconv"
	"strings"
)

// A case is a chart and a user's values:
//
//	### name
//	=== path             a file of the chart, with the lines up to the next section
//	=== path quoted      the lines are Go string literals, which are put together
//	=== path archive     a .tgz, described as in archive.go
//	=== @name [archive]  no file, but content for archives
//	=== $archive         the chart is no folder but this .tgz
//	=== $values          the user's values
//	=== $bare            nothing is added to the files
//	=== $fatal           Helm does not survive the case, so it is not asked
//	=== $differs         what our side says instead of Helm; handed on
//
// A folder of a chart without a Chart.yaml gets one with the folder's name and version 1.0.0, unless $bare is given.
type testCase struct {
	name    string
	files   []file
	values  string
	archive []byte
	differs string
	fatal   bool
}

type file struct {
	path string
	data []byte
}

func parseCases(text string) (cases []*testCase) {
	for _, part := range strings.Split("\n"+text, "\n### ")[1:] {
		name, body, _ := strings.Cut(part+"\n", "\n")
		cases = append(cases, parseCase(strings.TrimSpace(name), body))
	}
	return cases
}

func parseCase(name, body string) *testCase {
	c := &testCase{name: name}
	blobs := map[string][]byte{}
	bare := false
	for _, part := range strings.Split("\n"+strings.TrimRight(body, "\n"), "\n=== ")[1:] {
		head, content, _ := strings.Cut(part, "\n")
		if content != "" {
			content += "\n"
		}
		where, kind := strings.TrimSpace(head), ""
		for _, suffix := range []string{"quoted", "archive"} {
			if path, found := strings.CutSuffix(where, " "+suffix); found {
				where, kind = path, suffix
			}
		}
		data := []byte(content)
		switch kind {
		case "quoted":
			data = nil
			for _, line := range strings.Split(strings.TrimSpace(content), "\n") {
				text, err := strconv.Unquote(line)
				if err != nil {
					log.Fatalf("%s: %s: %v", name, line, err)
				}
				data = append(data, text...)
			}
		case "archive":
			data = buildArchive(name, content, blobs)
		}
		switch {
		case where == "$values":
			c.values = content
		case where == "$bare":
			bare = true
		case where == "$fatal":
			c.fatal = true
		case where == "$differs":
			c.differs = strings.TrimSpace(content)
		case where == "$archive":
			c.archive = data
			if kind == "" {
				c.archive = buildArchive(name, content, blobs)
			}
		case strings.HasPrefix(where, "@"):
			blobs[where] = data
		default:
			c.files = append(c.files, file{where, data})
		}
	}
	if !bare && c.archive == nil {
		c.addChartFiles()
	}
	return c
}

// Adds the Chart.yaml of each folder that is to be a chart and has none.
func (c *testCase) addChartFiles() {
	known := map[string]bool{}
	folders := map[string]string{"": "c"}
	for _, file := range c.files {
		known[file.path] = true
		parts := strings.Split(file.path, "/")
		for i := 0; i+2 < len(parts); i += 2 {
			if parts[i] != "charts" {
				break
			}
			folders[strings.Join(parts[:i+2], "/")+"/"] = parts[i+1]
		}
	}
	var names []string
	for folder := range folders {
		names = append(names, folder)
	}
	sort.Strings(names)
	for _, folder := range names {
		where := folder + "Chart.yaml"
		if !known[where] {
			text := "apiVersion: v2\nname: " + path.Base(folders[folder]) + "\nversion: 1.0.0\n"
			c.files = append(c.files, file{where, []byte(text)})
		}
	}
}
