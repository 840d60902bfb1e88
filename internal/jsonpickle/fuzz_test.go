package jsonpickle

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// FuzzBytes: every document is bytes or ErrInvalid; the bytes are no more than the
// document had room for, and are found again in what jsonpickle makes of them today.
func FuzzBytes(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, doc := range []string{
		`{"py/b64": "aGVsbG8="}`, "{\"py/b64\": \"aGVs\\nbG8=\\n\"}", `{"py/b85": "Xk~0{Zv"}`, `{"py/b85": "~~~~~"}`,
		`{"py/bytes": "a=20b=\nc"}`, `{"py/b64": null, "py/b85": "VE"}`, `{"py/object": "os.system"}`, `[]`,
	} {
		seeds.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, err := Bytes(doc)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || len(err.Error()) > 200 {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if len(got) > len(doc) {
			t.Fatalf("%d bytes out of %d", len(got), len(doc))
		}
		text, err := json.Marshal(map[string]string{"py/b64": base64.StdEncoding.EncodeToString(got)})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Bytes(text); err != nil || !bytes.Equal(again, got) {
			t.Fatalf("%q came back as %q, %v", got, again, err)
		}
	})
}
