package backup

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// steps are the lines of a snapshot as Writer writes them.
func steps(f *testing.F) []byte {
	f.Helper()
	var packed bytes.Buffer
	w := NewWriter(&packed)
	for _, op := range []store.Op{
		{Kind: store.OpPut, Key: []byte("job:1"), Value: []byte(`{"u":"ann"}`)},
		{Kind: store.OpIndex, Key: []byte("lane"), Value: []byte{0, 1, 2}},
		{Kind: store.OpCount, Key: []byte("ids"), N: 7},
		{Kind: store.OpAppend, Key: []byte("events"), Value: []byte("x"), N: 10, Revision: 3, Seq: 1},
	} {
		if err := w.Add(op); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.End(End{Revision: 4, Taken: time.Unix(1, 0), Schema: 2}); err != nil {
		f.Fatal(err)
	}
	zip, err := gzip.NewReader(&packed)
	if err != nil {
		f.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		f.Fatal(err)
	}
	return text
}

// FuzzReader: a snapshot ends as it says or is damaged, whatever stands in it, and as
// many steps are given as it says.
func FuzzReader(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add(true, steps(f))
	seeds.Add(true, []byte(`{"op":"end","steps":0}`+"\n"))
	seeds.Add(false, []byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, pack bool, data []byte) {
		if pack {
			data = packed(t, data)
		}
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			mustBeDamaged(t, err)
			return
		}
		for given := 0; ; given++ {
			_, err := r.Next()
			if errors.Is(err, io.EOF) && !errors.Is(err, ErrDamaged) {
				if given != r.End.Steps {
					t.Fatalf("%d steps, it says %d", given, r.End.Steps)
				}
				return
			}
			if err != nil {
				mustBeDamaged(t, err)
				return
			}
		}
	})
}

func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zip.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func mustBeDamaged(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("an error of no kind: %v", err)
	}
}

// FuzzManifest: no manifest is believed that was not written by Write, and none leads
// out of the backup's folder.
func FuzzManifest(f *testing.F) {
	seeds := fuzzseed.For(f)
	dir := f.TempDir()
	m := Manifest{Store: File{Name: "store-1.gz", Size: 3, SHA256: "00"}, Files: File{Name: "files-1.jsonl"}, Jobs: 2, End: End{Version: "1"}}
	if err := m.Write(dir); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		f.Fatal(err)
	}
	seeds.Add(text)
	seeds.Add(bytes.Replace(text, []byte("store-1.gz"), []byte("../../x.gz"), 1))
	outside := filepath.Join(dir, "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		inside := filepath.Join(dir, "inside")
		if err := os.MkdirAll(inside, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(inside, manifestName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := Open(inside)
		if err != nil {
			return
		}
		defer b.Close() //nolint:errcheck // only read
		if sum, err := b.sum(); err != nil || sum != b.Sum {
			t.Fatalf("believed with the sum %q", b.Sum)
		}
		for _, f := range append([]File{b.Store, b.Files}, b.Data...) {
			r, err := b.Read(f)
			if err != nil {
				continue
			}
			got, err := io.ReadAll(r)
			if bytes.Contains(got, []byte("secret")) {
				t.Fatalf("%q leads out of the folder, %v", f.Name, err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
