package localstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// lived makes a store that has lived: several levels of pages, values that need more
// than one, free pages, counters, logs, what expires. It gives the file's bytes.
func lived(t testing.TB, jobs int) []byte {
	t.Helper()
	dir := t.TempDir()
	s := opened(t, dir)
	for i := range jobs {
		key := fmt.Sprint("job:", i)
		effects := []store.Effect{
			store.Put(key, bytes.Repeat([]byte{byte(i)}, 50+i%7*30)), store.Index("queued", []byte(key)),
			store.Add("jobs", 1), store.Append("events", []byte(key), 50),
		}
		if i%40 == 0 {
			effects = append(effects, store.Put("large:"+key, bytes.Repeat([]byte("large"), 2_000)))
		}
		if i%5 == 0 {
			effects = append(effects, store.PutTTL("short:"+key, []byte("x"), 1<<50))
		}
		if i%3 == 0 && i > 0 {
			effects = append(effects, store.Delete(fmt.Sprint("job:", i-1)))
		}
		must(t, s, effects...)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func opened(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// must commits effects, the first of which makes a record.
func must(t testing.TB, s *Store, effects ...store.Effect) {
	t.Helper()
	guards := []store.Guard{store.Absent(effects[0].Key)}
	r, err := s.Commit(context.Background(), store.Commit{Identity: s.identity, Guards: guards, Effects: effects})
	if err != nil || !r.OK() {
		t.Fatalf("%+v, %v", r, err)
	}
}

// folderWith is a store's folder with these bytes in its file.
func folderWith(t testing.TB, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fileName, data)
	write(ownerName, []byte("1\n"))
	return dir
}

// contents is all that a store has, as a backup sees it.
func contents(t testing.TB, s *Store) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	if _, err := s.Snapshot(context.Background(), func(op store.Op) error { all[fmt.Sprintf("%+v", op)] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}
