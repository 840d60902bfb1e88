package secrets

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// FuzzOpen: of all records that a store may give, the one that was sealed opens, and as
// the secret and the user that it was sealed for.
func FuzzOpen(f *testing.F) {
	seeds := fuzzseed.For(f)
	k, err := newKey(make([]byte, keyBytes))
	if err != nil {
		f.Fatal(err)
	}
	file := &keyFile{keys: []*key{k}}
	box := k.seal("ana", "TOKEN", "value")
	seeds.Add("ana", "TOKEN", k.id, box)
	seeds.Add("bob", "TOKEN", k.id, box)
	seeds.Add("ana", "", "", []byte{})
	f.Fuzz(func(t *testing.T, user, name, id string, given []byte) {
		value, err := file.open(user, name, &record{Key: id, Box: given})
		if err == nil && (user != "ana" || name != "TOKEN" || id != k.id || value != "value") {
			t.Fatalf("%q of %q with %q opened as %q, %v", name, user, id, value, err)
		}
	})
}

// FuzzKeys: a file of keys is read whole or not at all, and no error shows a part of it:
// it says where, and what is wanted there.
func FuzzKeys(f *testing.F) {
	seeds := fuzzseed.For(f)
	one := hex.EncodeToString(make([]byte, keyBytes))
	seeds.Add([]byte("# a key\n" + one + "\n\n" + one + "\n"))
	seeds.Add([]byte(one[:60] + "zz\n"))
	path := filepath.Join(f.TempDir(), "secret.key")
	said := regexp.MustCompile("^" + regexp.QuoteMeta(ErrKey.Error()+": "+path) + "( has none|, line [0-9]+: want 64 hexadecimal digits)$")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := readKeys(path)
		if err == nil && len(keys) == 0 || err != nil && !errors.Is(err, ErrKey) {
			t.Fatalf("%q was read as %d keys, %v", text, len(keys), err)
		}
		if err != nil && !said.MatchString(err.Error()) {
			t.Fatalf("the error of %q: %v", text, err)
		}
		for _, k := range keys {
			if raw, err := hex.DecodeString(k.text); err != nil || len(raw) != keyBytes {
				t.Fatalf("the key %q", k.text)
			}
		}
	})
}
