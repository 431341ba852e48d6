// Command sealing writes test vectors for the SealedSecret format, made with Go's standard library, which is what
// the original controller and kubeseal are made of.
//
//	go run ./cmd/sealing ../../crates/sealing/testdata
//
// Keys and certificates are made only when they are missing from the folder, so that the vectors can be renewed
// for the same keys.
package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

const (
	namespace = "dev"
	name      = "basic-auth"
)

type vector struct {
	Key       string `json:"key"`
	Scope     string `json:"scope"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Value     string `json:"value"`
	Plaintext string `json:"plaintext"`
	Sealed    string `json:"sealed"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: sealing FOLDER")
	}
	folder := os.Args[1]
	large := make([]byte, 16<<10)
	for i := range large {
		large[i] = byte(i * 7 % 251)
	}
	values := []struct {
		name  string
		bytes []byte
	}{{"empty", nil}, {"binary", []byte("\x00\x01\xff\xfe\n\r\t \x80caf\xc3\xa9")}, {"large", large}}
	labels := []struct{ scope, label string }{
		{"strict", namespace + "/" + name}, {"namespace-wide", namespace}, {"cluster-wide", ""},
	}
	var vectors []vector
	for _, bits := range []int{2048, 4096} {
		key := fmt.Sprintf("rsa-%d", bits)
		private := load(folder, key, bits)
		for _, label := range labels {
			for _, value := range values {
				vectors = append(vectors, vector{
					Key: key, Scope: label.scope, Namespace: namespace, Name: name, Value: value.name,
					Plaintext: base64.StdEncoding.EncodeToString(value.bytes),
					Sealed:    seal(&private.PublicKey, value.bytes, label.label),
				})
			}
		}
	}
	text, err := json.MarshalIndent(vectors, "", "  ")
	check(err)
	check(os.WriteFile(filepath.Join(folder, "vectors.json"), append(text, '\n'), 0o644))
}

// seal writes u16be(len(R)) || R || G in base64: R is the session key under OAEP, G the value under AES-GCM.
func seal(public *rsa.PublicKey, plaintext []byte, label string) string {
	session := make([]byte, 32)
	_, err := rand.Read(session)
	check(err)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, session, []byte(label))
	check(err)
	block, err := aes.NewCipher(session)
	check(err)
	gcm, err := cipher.NewGCM(block)
	check(err)
	blob := binary.BigEndian.AppendUint16(nil, uint16(len(wrapped)))
	blob = append(blob, wrapped...)
	blob = gcm.Seal(blob, make([]byte, gcm.NonceSize()), plaintext, nil)
	return base64.StdEncoding.EncodeToString(blob)
}

// load reads a key, or makes it together with its certificate, in PKCS#1 and in PKCS#8.
func load(folder, name string, bits int) *rsa.PrivateKey {
	path := filepath.Join(folder, name)
	if text, err := os.ReadFile(path + ".key"); err == nil {
		block, _ := pem.Decode(text)
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		check(err)
		return key
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	check(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	start := time.Date(2026, 1, 1, bits/1024, 0, 0, 0, time.UTC)
	template := x509.Certificate{
		SerialNumber: big.NewInt(int64(bits)),
		Subject:      pkix.Name{CommonName: name + ".test"},
		NotBefore:    start, NotAfter: start.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageEncipherOnly, BasicConstraintsValid: true, IsCA: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	check(err)
	write(path+".key", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	write(path+".pkcs8.key", "PRIVATE KEY", pkcs8)
	write(path+".crt", "CERTIFICATE", certificate)
	return key
}

func write(path, kind string, der []byte) {
	check(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
