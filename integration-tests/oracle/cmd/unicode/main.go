// Command unicode prints the classes of characters of Go's unicode package that its arguments name as the tables of
// crates/go-template and crates/go-yaml. To regenerate, from the repository's root:
//
//	cd integration-tests/oracle && go run ./cmd/unicode PRINT LETTER DIGIT > ../../crates/go-template/src/unicode/tables.rs
//	cd integration-tests/oracle && go run ./cmd/unicode LETTER DIGIT > ../../crates/go-yaml/src/order/unicode/tables.rs
package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

func main() {
	fmt.Printf("//! Classes of characters of Unicode %s, as ranges with both ends. Made by `make oracle`; do not edit.\n", unicode.Version)
	table("PRINT", "What `strconv.IsPrint` says yes to", strconv.IsPrint)
	table("LETTER", "What `unicode.IsLetter` says yes to", unicode.IsLetter)
	table("DIGIT", "What `unicode.IsDigit` says yes to", unicode.IsDigit)
}

// table prints the characters beyond ASCII that are in the class.
func table(name, doc string, in func(rune) bool) {
	if !slices.Contains(os.Args[1:], name) {
		return
	}
	var ranges []string
	start := rune(-1)
	for r := rune(0x80); r <= unicode.MaxRune+1; r++ {
		inside := r <= unicode.MaxRune && in(r)
		if inside && start < 0 {
			start = r
		}
		if !inside && start >= 0 {
			ranges = append(ranges, fmt.Sprintf("(%#x, %#x),", start, r-1))
			start = -1
		}
	}
	fmt.Printf("\n/// %s, beyond ASCII.\n#[rustfmt::skip]\npub(super) const %s: [(u32, u32); %d] = [\n", doc, name, len(ranges))
	for len(ranges) > 0 {
		line := min(6, len(ranges))
		fmt.Printf("    %s\n", strings.Join(ranges[:line], " "))
		ranges = ranges[line:]
	}
	fmt.Print("];\n")
}
