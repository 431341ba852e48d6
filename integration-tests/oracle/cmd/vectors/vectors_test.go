// Package vectors writes what Sprig's functions with randomness and time give when both are always the same: the
// randomness of a seed, and midnight UTC 2000-01-01. To regenerate, from the repository's root:
//
//	cd integration-tests/oracle && go test -count=1 ./cmd/vectors -args $PWD/../../crates/sprig/tests/vectors/made.json
package vectors

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// made is a template and what it gives. Keys are there as .rsa, .ec and .ed.
type made struct {
	Template string `json:"template"`
	Output   string `json:"output"`
}

type vectors struct {
	Keys map[string]string `json:"keys"`
	Made []made            `json:"made"`
}

const show = ` }}{{ .Cert }}{{ .Key }}{{ end }}`

var templates = []string{
	`{{ with genCAWithKey "my ca" 365 .rsa` + show,
	`{{ with genCAWithKey "my ca" 365 .ed` + show,
	`{{ with genCAWithKey "my ca" 365 .ec` + show,
	`{{ with genCAWithKey "" 1 .ed` + show,
	`{{ with genCAWithKey "ñ*" 0 .ed` + show,
	`{{ with genCAWithKey "it's a (name) +,-./:=?" -1 .ed` + show,
	`{{ with genCAWithKey "a@b_c&d" 20000 .ed` + show,
	`{{ with genSelfSignedCertWithKey "cn" nil nil 365 .rsa` + show,
	`{{ with genSelfSignedCertWithKey "cn" (list "10.0.0.1" "::1" "::ffff:1.2.3.4" "2001:db8::2") (list "a.b" "*.c" "" "_x") 365 .ed` + show,
	`{{ with genSelfSignedCertWithKey "" (list) (list "only.dns") 36500 .ed` + show,
	`{{ with genSelfSignedCertWithKey "cn" (list "1.2.3.4") (list) 1 .ec` + show,
	`{{ with genSignedCertWithKey "leaf" (list "10.0.0.1") (list "leaf.svc") 30 (genCAWithKey "ca" 365 .rsa) .ec` + show,
	`{{ with genSignedCertWithKey "leaf" (list "10.0.0.1") (list "leaf.svc") 30 (genCAWithKey "ca" 365 .ed) .rsa` + show,
	`{{ with genSignedCertWithKey "ca" nil nil 30 (genCAWithKey "ca" 365 .ed) .ed` + show,
	`{{ with genSignedCertWithKey "leaf" nil nil 30 (genSelfSignedCertWithKey "no ca" nil nil 365 .ed) .ed` + show,
	`{{ encryptAES "key" "text" }}`,
	`{{ encryptAES "a key that is longer than thirty-two bytes" "0123456789abcdef" }}`,
	`{{ bcrypt "password" }}`,
	`{{ bcrypt "" }}`,
	`{{ bcrypt "ñ\x00\xff and what follows, up to seventy-two bytes ..................." }}`,
	`{{ htpasswd "user" "password" }}`,
}

func TestVectors(t *testing.T) {
	if flag.NArg() != 1 {
		t.Skip("no file to write")
	}
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 1)
		all := vectors{Keys: map[string]string{}}
		run := func(text string) string {
			var out strings.Builder
			parsed := template.Must(template.New("t").Funcs(sprig.TxtFuncMap()).Parse(text))
			if err := parsed.Execute(&out, all.Keys); err != nil {
				t.Fatal(text, err)
			}
			return out.String()
		}
		all.Keys["rsa"] = run(`{{ (genCA "x" 1).Key }}`)
		all.Keys["ec"] = run(`{{ genPrivateKey "ecdsa" }}`)
		all.Keys["ed"] = run(`{{ genPrivateKey "ed25519" }}`)
		for _, text := range templates {
			all.Made = append(all.Made, made{text, run(text)})
		}
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(all); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(flag.Arg(0), out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	})
}
