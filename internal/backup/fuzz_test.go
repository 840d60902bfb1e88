package backup

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
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

// FuzzManifest: whatever names a manifest has, whose sum is right, none leads out of the
// backup's folder; and one that is not as it was written is not believed.
func FuzzManifest(f *testing.F) {
	seeds := fuzzseed.For(f)
	dir := f.TempDir()
	inside := filepath.Join(dir, "inside")
	for path, text := range map[string]string{
		filepath.Join(dir, "outside"): secret, filepath.Join(inside, "store-1.gz"): "steps", filepath.Join(inside, "data", "key"): "key",
	} {
		keep(f, path, text)
	}
	if err := os.Symlink(filepath.Join(dir, "outside"), filepath.Join(inside, "link")); err != nil {
		f.Fatal(err)
	}
	for _, names := range [][3]string{
		{"store-1.gz", "files-1.jsonl", "data/key"},
		{"../outside", "data/../../outside", filepath.Join(dir, "outside")},
		{"link", "./link", "..//outside"},
		{"", ".", "data"},
		{"..\\outside", "%2e%2e/outside", "data/\x00/../../outside"},
	} {
		seeds.Add(names[0], names[1], names[2], int64(10), uint(7))
	}
	f.Fuzz(func(t *testing.T, storeName, files, data string, size int64, flip uint) {
		named := func(name string) File { return File{Name: strings.ToValidUTF8(name, "?"), Size: size} } // JSON has no others
		m := Manifest{Store: named(storeName), Files: named(files), Data: []File{named(data)}}
		if err := m.Write(inside); err != nil {
			t.Fatal(err)
		}
		b, err := Open(inside)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		for _, name := range []File{b.Store, b.Files, b.Data[0]} {
			staysInside(t, b, name)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		believesNoOther(t, inside, flip)
	})
}

const secret = "what nobody may read"

func keep(f *testing.F, path, text string) {
	f.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
}

func staysInside(t *testing.T, b *Backup, f File) {
	t.Helper()
	r, err := b.Read(f)
	if err != nil {
		return
	}
	defer r.Close()         //nolint:errcheck // only read
	got, _ := io.ReadAll(r) // of a folder it fails
	if bytes.Contains([]byte(secret), got) && len(got) > 0 {
		t.Fatalf("%q leads out of the folder", f.Name)
	}
}

// believesNoOther changes a byte of the manifest: it is refused, or reads as the same.
func believesNoOther(t *testing.T, dir string, at uint) {
	t.Helper()
	was, err := ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[at%uint(len(text))] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if is, err := ReadManifest(dir); err == nil && !reflect.DeepEqual(is, was) {
		t.Fatalf("believed %+v, written was %+v", is, was)
	}
}
