package backup_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/backup"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// made is a small backup.
func made(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var steps, list bytes.Buffer
	w := backup.NewWriter(&steps)
	for _, op := range []store.Op{{Kind: store.OpPut, Key: []byte("live:job:1"), Value: []byte{0, 255}}, {Kind: store.OpIndex, Key: []byte("i")}} {
		must(t, w.Add(op))
	}
	must(t, w.End(backup.End{Revision: 7, Schema: 1, Version: "1.0"}))
	keep := func(name, text string) backup.File {
		f, err := backup.Keep(dir, name, strings.NewReader(text))
		must(t, err)
		return f
	}
	m := backup.Manifest{Store: keep("store-1.gz", steps.String()), Data: []backup.File{keep("data/secret.key", "key")}}
	sum := blob.Sum([]byte("content"))
	for _, f := range []backup.File{keep("blobs/"+sum[:2]+"/"+sum, "content"), keep("logs/1.1", "a log")} {
		must(t, json.NewEncoder(&list).Encode(f))
		m.Count++
		m.Bytes += f.Size
	}
	m.Files = keep("files-1.jsonl", list.String())
	must(t, m.Write(dir))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, dir string) error {
	t.Helper()
	b, err := backup.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(b.Check(t.Context(), func(int64) {}), b.Close())
}

// TestDamaged changes, cuts and removes every file of a backup in turn.
func TestDamaged(t *testing.T) {
	must(t, check(t, made(t)))
	flip := func(path string, text []byte) error {
		text[len(text)/2] ^= 1
		return os.WriteFile(path, text, 0o600)
	}
	cut := func(path string, text []byte) error { return os.WriteFile(path, text[:len(text)-1], 0o600) }
	remove := func(path string, _ []byte) error { return os.Remove(path) }
	files, err := filepath.Glob(filepath.Join(made(t), "*"))
	must(t, err)
	if len(files) != 6 {
		t.Fatalf("the backup has %v", files)
	}
	sum := blob.Sum([]byte("content"))
	for _, name := range []string{"manifest.json", "store-1.gz", "files-1.jsonl", "data/secret.key", "logs/1.1", "blobs/" + sum[:2] + "/" + sum} {
		for what, do := range map[string]func(string, []byte) error{"flip": flip, "cut": cut, "remove": remove} {
			dir := made(t)
			path := filepath.Join(dir, name)
			text, err := os.ReadFile(path)
			must(t, err)
			must(t, do(path, text))
			err = check(t, dir)
			if name == "manifest.json" && what == "cut" {
				continue // of a line's end nobody misses anything
			}
			if !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrNone) {
				t.Errorf("%s of %s: %v", what, name, err)
			}
		}
	}
}

// TestGrownLog: a log of a job that ran on is still the one of then; and what an
// older backup left goes, but not what a person put there.
func TestGrownLog(t *testing.T) {
	dir := made(t)
	must(t, os.WriteFile(filepath.Join(dir, "logs/1.1"), []byte("a log, longer by now"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "store-0.gz"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "README"), nil, 0o600))
	must(t, check(t, dir))
	b, err := backup.Open(dir)
	must(t, err)
	must(t, errors.Join(b.Prune(dir), b.Close()))
	must(t, check(t, dir))
	_, old := os.Stat(filepath.Join(dir, "store-0.gz"))
	_, mine := os.Stat(filepath.Join(dir, "README"))
	if !errors.Is(old, os.ErrNotExist) || mine != nil {
		t.Errorf("store-0.gz: %v, README: %v", old, mine)
	}
}
