package signing_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/signing"
)

func key(n byte) signing.Key { return signing.NewKey([32]byte{n}) }

func fields(texts ...string) (out [][]byte) {
	for _, text := range texts {
		out = append(out, []byte(text))
	}
	return out
}

// TestVerify: a signature is good for its kind, its namespace, its fields, and under a
// key of the set; for nothing else.
func TestVerify(t *testing.T) {
	ring := signing.NewRing("lab", key(1), key(2).PublicKey)
	sig := ring.Sign(signing.Job, fields("53", "alice")...)
	if len(sig) != signing.Size {
		t.Fatalf("a signature has %d bytes", len(sig))
	}
	flipped := func(at int) []byte {
		other := bytes.Clone(sig)
		other[at] ^= 1
		return other
	}
	for what, c := range map[string]struct {
		set    signing.Set
		kind   signing.Kind
		sig    []byte
		fields [][]byte
		want   error
	}{
		"as it was signed":      {ring.Set, signing.Job, sig, fields("53", "alice"), nil},
		"by an older key":       {ring.Set, signing.Job, key(2).Sign(signing.Job, "lab", fields("53", "alice")...), fields("53", "alice"), nil},
		"none":                  {ring.Set, signing.Job, nil, fields("53", "alice"), signing.ErrUnsigned},
		"half":                  {ring.Set, signing.Job, sig[:40], fields("53", "alice"), signing.ErrUnsigned},
		"by a key of their own": {ring.Set, signing.Job, key(3).Sign(signing.Job, "lab", fields("53", "alice")...), fields("53", "alice"), signing.ErrUnknownKey},
		"no set":                {signing.Set{}, signing.Job, sig, fields("53", "alice"), signing.ErrUnknownKey},
		"another hint":          {ring.Set, signing.Job, flipped(0), fields("53", "alice"), signing.ErrUnknownKey},
		"a bit":                 {ring.Set, signing.Job, flipped(30), fields("53", "alice"), signing.ErrAltered},
		"another field":         {ring.Set, signing.Job, sig, fields("54", "alice"), signing.ErrAltered},
		"fields cut elsewhere":  {ring.Set, signing.Job, sig, fields("5", "3alice"), signing.ErrAltered},
		"one field more":        {ring.Set, signing.Job, sig, fields("53", "alice", ""), signing.ErrAltered},
		"another kind":          {ring.Set, signing.Function, sig, fields("53", "alice"), signing.ErrAltered},
		"another namespace":     {signing.NewRing("lab2", key(1)).Set, signing.Job, sig, fields("53", "alice"), signing.ErrAltered},
	} {
		if err := c.set.Verify(c.kind, c.sig, c.fields...); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

// TestSetOnTheWire: what agents are told and keep is what was sent.
func TestSetOnTheWire(t *testing.T) {
	set := signing.NewRing("lab", key(1), key(2).PublicKey).Set
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	var back signing.Set
	if err := json.Unmarshal(text, &back); err != nil || !back.Equal(&set) {
		t.Errorf("%s became %+v, %v", text, back, err)
	}
	var none signing.Set
	if err := json.Unmarshal([]byte(`{"scope":"lab","keys":[null]}`), &none); err != nil {
		t.Fatal(err)
	}
	if err := none.Verify(signing.Job, make([]byte, signing.Size)); !errors.Is(err, signing.ErrUnknownKey) {
		t.Errorf("by a key without bytes: %v", err)
	}
	for _, bad := range []string{`{"scope":"lab","keys":["00"]}`, `{"scope":"lab","keys":["` + strings.Repeat("zz", 32) + `"]}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// TestFile: a rotation leaves what was signed valid, and the old private key nowhere.
func TestFile(t *testing.T) {
	f := signing.File{Path: filepath.Join(t.TempDir(), "signing.key")}
	if _, _, err := f.Read(); !errors.Is(err, signing.ErrNoFile) {
		t.Fatal(err)
	}
	if err := f.Make(); err != nil {
		t.Fatal(err)
	}
	if err := f.Make(); !errors.Is(err, os.ErrExist) {
		t.Fatalf("made twice: %v", err)
	}
	old, others, err := f.Read()
	if err != nil || len(others) != 0 {
		t.Fatal(err, others)
	}
	secret, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	sig := old.Sign(signing.Job, "lab", []byte("1"))
	if _, err := f.Rotate(); err != nil {
		t.Fatal(err)
	}
	first, others, err := f.Read()
	if err != nil || first.ID() == old.ID() {
		t.Fatal(first.ID(), err)
	}
	ring := signing.NewRing("lab", first, others...)
	if err := ring.Verify(signing.Job, sig, []byte("1")); err != nil || ring.IsFirst(sig) {
		t.Errorf("after the rotation: %v", err)
	}
	text, err := os.ReadFile(f.Path)
	if err != nil || bytes.Contains(text, bytes.TrimSpace(secret)) {
		t.Errorf("the old private key is still there, %v", err)
	}
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := f.Remove(first.ID()); err == nil {
		t.Error("the key that signs was removed")
	}
	if err := f.Remove("ffff"); err == nil {
		t.Error("a key that is not there was removed")
	}
	if err := f.Remove(old.ID()); err != nil {
		t.Fatal(err)
	}
	again, others, err := f.Read()
	if err != nil || len(others) != 0 || again.ID() != first.ID() {
		t.Errorf("after the removal: %s %v %v", again.ID(), others, err)
	}
}

func TestFileRefuses(t *testing.T) {
	digits := strings.Repeat("ab", 32)
	for what, c := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"empty":               {"# nothing\n", 0o600},
		"short":               {digits[:62] + "\n", 0o600},
		"not hexadecimal":     {strings.Repeat("xy", 32), 0o600},
		"a public one first":  {"public " + digits + "\n" + digits + "\n", 0o600},
		"an unknown word":     {digits + "\nprivate " + digits, 0o600},
		"readable for others": {digits, 0o640},
	} {
		f := signing.File{Path: filepath.Join(t.TempDir(), "signing.key")}
		if err := os.WriteFile(f.Path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.Read(); err == nil || strings.Contains(err.Error(), digits[:62]) {
			t.Errorf("%s: %v, want a refusal that does not repeat the key", what, err)
		}
	}
}

// FuzzMessage: two lists of fields have the same message only if they are the same.
func FuzzMessage(f *testing.F) {
	f.Add("53", "alice", "5", "3alice", "lab", "lab")
	f.Add("", "", "\x00", "", "", "\x01")
	f.Fuzz(func(t *testing.T, a1, a2, b1, b2, scopeA, scopeB string) {
		one := signing.Message(signing.Job, scopeA, fields(a1, a2)...)
		two := signing.Message(signing.Job, scopeB, fields(b1, b2)...)
		same := a1 == b1 && a2 == b2 && scopeA == scopeB
		if bytes.Equal(one, two) != same {
			t.Fatalf("%q %q in %q, and %q %q in %q: %q and %q", a1, a2, scopeA, b1, b2, scopeB, one, two)
		}
		if bytes.Equal(one, signing.Message(signing.Job, scopeA, fields(a1, a2, "")...)) {
			t.Fatal("an empty field more changes nothing")
		}
	})
}

// FuzzFile: whatever stands in the file of keys, it is read or refused, and what was read
// signs what it then takes for valid.
func FuzzFile(f *testing.F) {
	f.Add([]byte(strings.Repeat("ab", 32) + "\npublic " + strings.Repeat("cd", 32)))
	f.Add([]byte("public"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := signing.File{Path: filepath.Join(t.TempDir(), "k")}
		if err := os.WriteFile(file.Path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		first, others, err := file.Read()
		if err != nil {
			return
		}
		ring := signing.NewRing("s", first, others...)
		if err := ring.Verify(signing.Job, ring.Sign(signing.Job, text), text); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	ring := signing.NewRing("mlq", key(1))
	for b.Loop() {
		ring.Sign(signing.Job, []byte("one"), []byte("two"))
	}
}

func BenchmarkVerify(b *testing.B) {
	ring := signing.NewRing("mlq", key(1))
	sig := ring.Sign(signing.Job, []byte("one"), []byte("two"))
	for b.Loop() {
		if err := ring.Verify(signing.Job, sig, []byte("one"), []byte("two")); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRotateMakesAnotherHint: by its hint a signature is taken for one of the key that
// signs, so the new key has none that another one has.
func TestRotateMakesAnotherHint(t *testing.T) {
	var text strings.Builder
	text.WriteString(strings.Repeat("ab", 32) + "\n")
	for n := range 100_000 { // with these nearly four in five hints are taken
		fmt.Fprintf(&text, "public %064x\n", n)
	}
	f := signing.File{Path: filepath.Join(t.TempDir(), "signing.key")}
	if err := os.WriteFile(f.Path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := f.Rotate(); err != nil {
			t.Fatal(err)
		}
		first, others, err := f.Read()
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(others, func(k signing.PublicKey) bool { return k.ID()[:4] == first.ID()[:4] }) {
			t.Fatalf("the hint of %s is another key's", first.ID())
		}
	}
}
