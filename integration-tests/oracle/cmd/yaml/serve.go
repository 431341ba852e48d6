package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/BurntSushi/toml"
	"sigs.k8s.io/yaml"
)

// serve answers requests on standard input until it ends, for the random comparison in integration-tests/beside-go.
//
// A request is one byte, the length of its text (4 bytes, little endian) and the text:
//
//	y  YAML: its JSON, and the YAML that JSON is printed as
//	v  a JSON value as Go reads it without UseNumber: its YAML, compact JSON, indented JSON and TOML
//	j  JSON: the same value as compact JSON
//
// An answer has as many parts as the request asks for; each is one byte (0 for a text, 1 for an error), a length and
// the text.
func serve() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	for {
		if in.Buffered() == 0 {
			check(out.Flush())
		}
		kind, err := in.ReadByte()
		if err == io.EOF {
			check(out.Flush())
			return
		}
		check(err)
		var size uint32
		check(binary.Read(in, binary.LittleEndian, &size))
		text := make([]byte, size)
		_, err = io.ReadFull(in, text)
		check(err)
		for _, part := range answer(kind, text) {
			check(out.WriteByte(part.status))
			check(binary.Write(out, binary.LittleEndian, uint32(len(part.text))))
			_, err = out.Write(part.text)
			check(err)
		}
	}
}

type part struct {
	status byte
	text   []byte
}

func partOf(text []byte, err error) part {
	if err != nil {
		return part{1, []byte(err.Error())}
	}
	return part{0, text}
}

func answer(kind byte, text []byte) []part {
	switch kind {
	case 'y':
		asJSON, err := yaml.YAMLToJSON(text)
		if err != nil {
			return []part{partOf(nil, err), partOf(nil, err)}
		}
		return []part{partOf(asJSON, nil), partOf(yaml.JSONToYAML(asJSON))}
	case 'v':
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			failed := partOf(nil, err)
			return []part{failed, failed, failed, failed}
		}
		return []part{
			partOf(yaml.Marshal(value)),
			partOf(json.Marshal(value)),
			partOf(json.MarshalIndent(value, "", "  ")),
			partOf(tomlOf(value)),
		}
	default:
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			return []part{partOf(nil, err)}
		}
		return []part{partOf(json.Marshal(value))}
	}
}

// tomlOf is Helm's toToml. The library panics on nil, which text/template turns into an error.
func tomlOf(value any) (text []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%v", cause)
		}
	}()
	var out bytes.Buffer
	err = toml.NewEncoder(&out).Encode(value)
	return out.Bytes(), err
}
