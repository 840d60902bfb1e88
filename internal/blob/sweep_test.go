package blob

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

func keep(t *testing.T, f *Folder, text string, age time.Duration) string {
	t.Helper()
	sum, err := f.PutBytes(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	grow(t, f, blobName(sum), age)
	return sum
}

// grow makes a file as old as age.
func grow(t *testing.T, f *Folder, name string, age time.Duration) {
	t.Helper()
	then := time.Now().Add(-age)
	if err := os.Chtimes(filepath.Join(f.Path(), name), then, then); err != nil {
		t.Fatal(err)
	}
}

// TestTrash: out of the trash with a touch or an open, until it is emptied.
func TestTrash(t *testing.T) {
	f, ctx := open(t), t.Context()
	now := time.Now()
	for name, back := range map[string]func(sum string) error{
		"touch": func(sum string) error { return f.Touch(ctx, sum) },
		"open":  func(sum string) error { _, err := read(t, f, sum, 100); return err },
		"mark":  func(sum string) error { _, err := f.Mark(ctx, sum, now); return err },
		"put":   func(string) error { _, err := f.PutBytes(ctx, []byte("put")); return err },
	} {
		sum := keep(t, f, name, 2*time.Hour)
		if n, err := f.Discard(ctx, now.Add(-time.Hour), now); n != 1 || err != nil {
			t.Fatalf("%s: %d discarded, %v", name, n, err)
		}
		if stale, err := f.Stale(ctx, now.Add(-time.Hour)); !stale || err != nil {
			t.Errorf("%s: a full trash is nothing to do: %v", name, err)
		}
		if s, err := f.EmptyTrash(ctx, now.Add(-time.Minute)); s != (Swept{}) || err != nil {
			t.Errorf("%s: %+v went at once, %v", name, s, err)
		}
		if err := back(sum); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n, err := f.Discard(ctx, now.Add(-time.Hour), now); n != 0 || err != nil {
			t.Errorf("%s: what came back was discarded again, %v", name, err)
		}
		if stale, err := f.Stale(ctx, now.Add(-time.Hour)); stale || err != nil {
			t.Errorf("%s: there is something to do, %v", name, err)
		}
	}
	sum := keep(t, f, "gone", 2*time.Hour)
	if _, err := f.Discard(ctx, now.Add(-time.Hour), now); err != nil {
		t.Fatal(err)
	}
	if s, err := f.EmptyTrash(ctx, now.Add(time.Minute)); s != (Swept{Blobs: 1, Bytes: 4}) || err != nil {
		t.Errorf("emptied of %+v, %v", s, err)
	}
	if err := f.Touch(ctx, sum); !errors.Is(err, ErrNotFound) {
		t.Errorf("touched what is gone: %v", err)
	}
	if _, err := f.Mark(ctx, "../../etc/passwd", now); !errors.Is(err, ErrName) {
		t.Errorf("marked another name: %v", err)
	}
}

// TestMark: what is young is left as it is.
func TestMark(t *testing.T) {
	f := open(t)
	sum := keep(t, f, "x", time.Hour)
	for _, c := range []struct {
		before time.Duration
		want   bool
	}{{2 * time.Hour, false}, {time.Minute, true}, {time.Minute, false}} {
		touched, err := f.Mark(t.Context(), sum, time.Now().Add(-c.before))
		if touched != c.want || err != nil {
			t.Errorf("before %s: touched %v, %v", c.before, touched, err)
		}
	}
}

// TestSweepLogs: more than are asked for at once, in pages.
func TestSweepLogs(t *testing.T) {
	f := open(t)
	const logs = 3*knownAtOnce + 7
	for job := range int64(logs) {
		if _, err := f.WriteLog(t.Context(), job, 1, 0, bytes.NewReader([]byte("x")), 10); err != nil {
			t.Fatal(err)
		}
		grow(t, f, logName(job, 1), 2*time.Hour)
	}
	grow(t, f, logName(0, 1), 0)
	asked := make(map[int64]bool)
	even := func(jobs []int64) (map[int64]bool, error) {
		if len(jobs) > knownAtOnce {
			t.Errorf("%d jobs in one question", len(jobs))
		}
		known := make(map[int64]bool)
		for _, job := range jobs {
			asked[job], known[job] = true, job%2 == 0
		}
		return known, nil
	}
	s, err := f.SweepLogs(t.Context(), time.Now().Add(-time.Hour), even)
	if s.Logs != logs/2 || s.Bytes != logs/2 || err != nil || len(asked) != logs-1 {
		t.Errorf("%+v of %d logs, %d asked for, %v", s, logs, len(asked), err)
	}
	clear(asked)
	if s, err := f.SweepLogs(t.Context(), time.Now().Add(-time.Hour), even); s != (Swept{}) || err != nil || len(asked) != 0 {
		t.Errorf("again: %+v, asked for %v, %v", s, slices.Collect(maps.Keys(asked)), err)
	}
	away := errors.New("the store is away")
	grow(t, f, logName(2, 1), 2*time.Hour)
	if s, err := f.SweepLogs(t.Context(), time.Now().Add(-time.Hour), func([]int64) (map[int64]bool, error) { return nil, away }); !errors.Is(err, away) || s != (Swept{}) {
		t.Errorf("without the store: %+v, %v", s, err)
	}
}

// TestSweepEnds with its context, in the middle of many files.
func TestSweepEnds(t *testing.T) {
	f := open(t)
	for i := range entriesAtOnce + 10 {
		if err := os.WriteFile(filepath.Join(f.Path(), "tmp", strconv.Itoa(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := f.SweepUploads(ctx, time.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) || s != (Swept{}) {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := f.SweepUploads(t.Context(), time.Now().Add(time.Hour)); err != nil || s.Uploads != entriesAtOnce+10 {
		t.Errorf("%+v, %v", s, err)
	}
}
