package jsonpickle

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestBytes: documents of all versions (testdata/make.py).
func TestBytes(t *testing.T) {
	text, err := os.ReadFile("testdata/bytes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	n := 0 // lines
	for line := range strings.Lines(string(text)) {
		document, encoded, ok := strings.Cut(strings.TrimSpace(line), "\t")
		want, err := base64.StdEncoding.DecodeString(encoded)
		if !ok && strings.HasSuffix(document, "}") {
			ok = true // no bytes
		}
		if !ok || err != nil {
			continue
		}
		n++
		got, err := Bytes([]byte(document))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%.80s: %d bytes, %v; want %d", document, len(got), err, len(want))
		}
	}
	if n != 28 {
		t.Errorf("%d documents", n)
	}
}

func TestRefused(t *testing.T) {
	for _, document := range []string{
		``, `{`, `[]`, `"gASV"`, `null`, `{}`, `{"x": 1}`, `{"py/b64": 1}`, `{"py/b64": "%%"}`, `{"py/b64": "gASV"} more`,
		`{"py/b85": "a b"}`, `{"py/b85": "~~~~~"}`, `{"py/object": "os.system"}`,
	} {
		if got, err := Bytes([]byte(document)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %q, %v", document, got, err)
		}
	}
}
