package localstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestFlippedByte: a byte that is another one is refused, or it is one that says nothing
// (free pages, gaps); or it is of a meta page, and the store says what that may mean.
func TestFlippedByte(t *testing.T) {
	t.Parallel()
	data := lived(t, 300)
	good, err := inspect(bytes.NewReader(data), int64(len(data)))
	if err != nil || good.oneMeta {
		t.Fatalf("the file as it is: %+v, %v", good, err)
	}
	step := 61
	if testing.Short() {
		step = 611
	}
	refused, idle := 0, []int{}
	for at := 0; at < len(data); at += step {
		bit := byte(1) << (at % 8)
		data[at] ^= bit
		v, err := inspect(bytes.NewReader(data), int64(len(data)))
		switch {
		case errors.Is(err, ErrDamaged):
			refused++
		case err != nil:
			t.Fatalf("byte %d: %v", at, err)
		case v.oneMeta != (at < 2*4096 && at%4096 < 80) && v.oneMeta:
			t.Fatalf("byte %d: a meta page is damaged, it says", at)
		case !v.oneMeta && v.seal != good.seal:
			t.Fatalf("byte %d: other entries were taken", at)
		default:
			idle = append(idle, at)
		}
		data[at] ^= bit
	}
	t.Logf("%d bytes, %d flipped: %d refused, %d say nothing", len(data), len(data)/step, refused, len(idle))
	if refused < len(data)/step/4 {
		t.Errorf("only %d refused", refused)
	}
	sameForBolt(t, data, idle)
}

// sameForBolt opens the file with some of the flips that were let through.
func sameForBolt(t *testing.T, data []byte, idle []int) {
	t.Helper()
	want := contents(t, opened(t, folderWith(t, data)))
	for range 40 {
		at := idle[rand.IntN(len(idle))]
		if at < 2*4096 {
			continue // TestMetaPage
		}
		flipped := bytes.Clone(data)
		flipped[at] ^= 1 << (at % 8)
		s := opened(t, folderWith(t, flipped))
		if got := contents(t, s); !maps.Equal(got, want) {
			t.Fatalf("byte %d: %d entries, want %d", at, len(got), len(want))
		}
		must(t, s, store.Put("more", nil))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTornFile: a page that was not written, a file that was cut, a folder in its place.
func TestTornFile(t *testing.T) {
	t.Parallel()
	data := lived(t, 100)
	torn := map[string][]byte{"0 bytes": nil, "10 bytes": data[:10], "one page": data[:4096], "cut at a page": data[:len(data)/2&^4095], "cut within": data[:len(data)/2+7]}
	for name, b := range torn {
		if s, err := Open(t.Context(), folderWith(t, b)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	for at, zero := 2*4096, make([]byte, 4096); at < len(data); at += 4096 {
		b := bytes.Clone(data)
		copy(b[at:], zero)
		v, err := inspect(bytes.NewReader(b), int64(len(b)))
		whole, _ := inspect(bytes.NewReader(data), int64(len(data)))
		if err == nil && v != whole { // but for free pages
			t.Errorf("page %d zeroed: %+v", at/4096, v)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, fileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir); err == nil {
		t.Error("a folder was opened")
	}
}

// TestMetaPage: bbolt goes back by a transaction where the newer meta page is damaged. The
// store then says so and is another one, so that what was acknowledged is not believed to be there.
func TestMetaPage(t *testing.T) {
	t.Parallel()
	data := lived(t, 30)
	good := opened(t, folderWith(t, data))
	want := contents(t, good)
	for page := range 2 {
		b := bytes.Clone(data)
		b[page*4096+16+50] ^= 4
		s := opened(t, folderWith(t, b))
		if s.Mended() == "" || s.identity == good.identity {
			t.Errorf("meta page %d: %q, identity %s", page, s.Mended(), s.identity)
		}
		if got := contents(t, s); len(got) < len(want)-10 {
			t.Errorf("meta page %d: %d entries, want %d but for the last transaction", page, len(got), len(want))
		}
		dir := s.dir
		must(t, s, store.Put("more", nil))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if again := opened(t, dir); again.Mended() != "" {
			t.Errorf("meta page %d: not mended by writing on", page)
		}
	}
	b := bytes.Clone(data)
	b[30] ^= 1
	b[4096+30] ^= 1
	if _, err := Open(t.Context(), folderWith(t, b)); !errors.Is(err, ErrDamaged) {
		t.Errorf("without any meta page: %v", err)
	}
}

// TestFileOfAnOlderBuild: one without a seal, or written by a build that knows none, is
// taken as it is, and sealed.
func TestFileOfAnOlderBuild(t *testing.T) {
	t.Parallel()
	dir := folderWith(t, lived(t, 30))
	older := func(do func(*bolt.Tx) error) {
		db, err := bolt.Open(filepath.Join(dir, fileName), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Update(do), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for name, do := range map[string]func(*bolt.Tx) error{
		"has no seal": func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Delete(sealName) },
		"wrote since": func(tx *bolt.Tx) error {
			return tx.Bucket(dataBucket).Put(path("counted", counterKind), numberBytes(7))
		},
	} {
		older(do)
		s := opened(t, dir)
		contents(t, s)
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzInspect(f *testing.F) {
	data := lived(f, 10)
	f.Add(uint32(0), []byte{0})
	f.Add(uint32(8192+8), []byte{1, 0, 255, 255})
	f.Fuzz(func(t *testing.T, at uint32, b []byte) {
		damaged := bytes.Clone(data)
		copy(damaged[int(at)%len(data):], b)
		whole, err := inspect(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if v, err := inspect(bytes.NewReader(damaged), int64(len(damaged))); err == nil && !v.oneMeta && v.seal != whole.seal {
			t.Error("other entries were taken")
		}
	})
}

// TestFreeListIsRead: a page in use that the list calls free would be written over by the next
// commit, one that it forgets is lost; every number in it counts.
func TestFreeListIsRead(t *testing.T) {
	t.Parallel()
	data := lived(t, 100)
	u64 := binary.NativeEndian.Uint64
	newer := data[16:]
	if other := data[4096+16:]; u64(other[48:]) > u64(newer[48:]) {
		newer = other
	}
	list := int(u64(newer[32:])) * 4096
	count := int(binary.NativeEndian.Uint16(data[list+10:]))
	if count < 2 {
		t.Fatalf("%d free pages", count)
	}
	for at := list + 16; at < list+16+8*count; at++ {
		data[at] ^= 2
		if _, err := inspect(bytes.NewReader(data), int64(len(data))); !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d of the list: %v", at-list, err)
		}
		data[at] ^= 2
	}
}

// BenchmarkVerify reads a file of a million entries, as each start does.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	s, n := opened(b, dir), 0
	next := func() (store.Op, error) {
		if n++; n > 1_000_000 {
			return store.Op{}, io.EOF
		}
		return store.Op{Kind: store.OpPut, Key: fmt.Appendf(nil, "job:%09d", n), Value: make([]byte, 200)}, nil
	}
	if err := errors.Join(s.Restore(b.Context(), 1, next), s.Close()); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, fileName))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for b.Loop() {
		if v, err := verify(f); err != nil || v.seal.entries != 1_000_000 {
			b.Fatal(v, err)
		}
	}
}
