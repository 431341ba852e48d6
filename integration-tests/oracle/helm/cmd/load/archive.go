package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"log"
	"strconv"
	"strings"
)

// buildArchive makes a .tgz of a description, a line for each entry. Texts may be Go string literals; CONTENT may also
// be @name, or *COUNT"text" for a text that is repeated.
//
//	file NAME CONTENT [KEY=VALUE…]   size=, type=, mode=, magic=, checksum= are the header's; the content is padded
//	dir NAME | symlink NAME TARGET | hardlink NAME TARGET
//	gnu NAME CONTENT                 a long name as GNU tar writes it
//	pax NAME CONTENT KEY=VALUE…      after a header of attributes
//	global KEY=VALUE…                a header of attributes for all that follows
//	bytes CONTENT                    as it is, in the tar file
//	no-end                           without the two blocks that end a tar file
//	member                           what follows is in another gzip member
//	then in the compressed bytes:    cut COUNT (from the end), flip POSITION, append CONTENT, only CONTENT
func buildArchive(name, text string, blobs map[string][]byte) []byte {
	b := &builder{name: name, blobs: blobs}
	b.gzip = gzip.NewWriter(&b.out)
	end := true
	var after [][]string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := b.split(line)
		switch words[0] {
		case "no-end":
			end = false
		case "cut", "flip", "append", "only":
			after = append(after, words)
		case "":
		default:
			b.entry(words)
		}
	}
	if end {
		b.write(make([]byte, 1024))
	}
	check(b.gzip.Close())
	data := b.out.Bytes()
	for _, words := range after {
		switch words[0] {
		case "cut":
			data = data[:len(data)-b.number(words[1])]
		case "flip":
			data[b.number(words[1])] ^= 0xff
		case "append":
			data = append(data, b.content(words[1])...)
		case "only":
			data = b.content(words[1])
		}
	}
	return data
}

type builder struct {
	name  string
	blobs map[string][]byte
	out   bytes.Buffer
	gzip  *gzip.Writer
}

// split cuts a line at blanks that are in no literal.
func (b *builder) split(line string) (words []string) {
	word, quoted, escaped := "", false, false
	for _, r := range line {
		switch {
		case r == ' ' && !quoted:
			words = append(words, word)
			word = ""
			continue
		case r == '"' && !escaped:
			quoted = !quoted
		}
		escaped = r == '\\' && !escaped
		word += string(r)
	}
	return append(words, word)
}

func (b *builder) entry(words []string) {
	at := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch words[0] {
	case "file":
		b.file(b.text(at(1)), b.content(at(2)), words[min(3, len(words)):])
	case "dir":
		b.file(b.text(at(1)), nil, append([]string{"type=5", "mode=755"}, words[2:]...))
	case "symlink":
		b.file(b.text(at(1)), nil, []string{"type=2", "link=" + at(2)})
	case "hardlink":
		b.file(b.text(at(1)), nil, []string{"type=1", "link=" + at(2)})
	case "gnu":
		content := b.content(at(2))
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		check(w.WriteHeader(&tar.Header{Name: b.text(at(1)), Mode: 0o644, Size: int64(len(content)), Format: tar.FormatGNU}))
		_, err := w.Write(content)
		check(err)
		check(w.Flush())
		b.write(out.Bytes())
	case "pax":
		b.file("PaxHeaders/x", b.records(words[3:]), []string{"type=x"})
		b.file(b.text(at(1)), b.content(at(2)), nil)
	case "global":
		b.file("pax_global_header", b.records(words[1:]), []string{"type=g"})
	case "bytes":
		b.write(b.content(at(1)))
	case "member":
		check(b.gzip.Close())
		b.gzip = gzip.NewWriter(&b.out)
	default:
		log.Fatalf("%s: unknown entry %q", b.name, words)
	}
}

// file writes a header and a content, byte by byte, as no library would write it.
func (b *builder) file(name string, content []byte, attributes []string) {
	size, kind, mode, magic, link, checksum := fmt.Sprintf("%011o\x00", len(content)), byte('0'), "644", "ustar\x0000", "", -1
	for _, attribute := range attributes {
		key, value, _ := strings.Cut(attribute, "=")
		switch key {
		case "size":
			size = b.text(value)
			if number, err := strconv.ParseInt(value, 10, 64); err == nil {
				size = fmt.Sprintf("%011o\x00", number)
			}
		case "type":
			kind = b.text(value)[0]
		case "mode":
			mode = value
		case "magic":
			magic = b.text(value)
		case "link":
			link = b.text(value)
		case "checksum":
			checksum = b.number(value)
		default:
			log.Fatalf("%s: unknown attribute %q", b.name, attribute)
		}
	}
	block := make([]byte, 512)
	copy(block[:100], name)
	copy(block[100:108], fmt.Sprintf("%07s\x00", mode))
	copy(block[108:116], "0000000\x00")
	copy(block[116:124], "0000000\x00")
	copy(block[124:136], size)
	copy(block[136:148], "00000000000\x00")
	copy(block[148:156], "        ")
	block[156] = kind
	copy(block[157:257], link)
	copy(block[257:265], magic)
	sum := 0
	for _, c := range block {
		sum += int(c)
	}
	if checksum >= 0 {
		sum = checksum
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
	b.write(block)
	b.write(content)
	b.write(make([]byte, (512-len(content)%512)%512))
}

func (b *builder) records(attributes []string) (records []byte) {
	for _, attribute := range attributes {
		key, value, _ := strings.Cut(attribute, "=")
		rest := " " + b.text(key) + "=" + b.text(value) + "\n"
		length := len(rest)
		for len(strconv.Itoa(length))+len(rest) != length {
			length = len(strconv.Itoa(length)) + len(rest)
		}
		records = append(records, strconv.Itoa(length)+rest...)
	}
	return records
}

func (b *builder) content(word string) []byte {
	if strings.HasPrefix(word, "@") {
		blob, found := b.blobs[word]
		if !found {
			log.Fatalf("%s: no %s", b.name, word)
		}
		return blob
	}
	if rest, found := strings.CutPrefix(word, "*"); found {
		count, text, _ := strings.Cut(rest, `"`)
		return bytes.Repeat([]byte(b.text(`"`+text)), b.number(count))
	}
	return []byte(b.text(word))
}

func (b *builder) text(word string) string {
	if !strings.HasPrefix(word, `"`) {
		return word
	}
	text, err := strconv.Unquote(word)
	if err != nil {
		log.Fatalf("%s: %s: %v", b.name, word, err)
	}
	return text
}

func (b *builder) number(word string) int {
	number, err := strconv.Atoi(word)
	if err != nil {
		log.Fatalf("%s: %v", b.name, err)
	}
	return number
}

func (b *builder) write(data []byte) {
	_, err := b.gzip.Write(data)
	check(err)
}
