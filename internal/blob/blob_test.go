package blob

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"
)

func open(t *testing.T) *Folder {
	t.Helper()
	f, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// nothingLeft holds that a refused upload leaves neither a blob nor a temporary file.
func nothingLeft(t *testing.T, f *Folder) {
	t.Helper()
	for _, dir := range []string{"tmp", "blobs"} {
		entries, err := os.ReadDir(filepath.Join(f.Path(), dir))
		if err != nil || len(entries) != 0 {
			t.Errorf("%s holds %v, %v", dir, entries, err)
		}
	}
}

func read(t *testing.T, f *Folder, sum string, limit int64) ([]byte, error) {
	t.Helper()
	b, err := f.Open(t.Context(), sum)
	if err != nil {
		return nil, err
	}
	return b.All(limit)
}

func TestPutAndOpen(t *testing.T) {
	f := open(t)
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	sum := Sum(data)
	for range 2 { // the second finds it there
		n, err := f.Put(t.Context(), sum, bytes.NewReader(data), 1<<20)
		if err != nil || n != int64(len(data)) {
			t.Fatalf("put: %d, %v", n, err)
		}
	}
	got, err := read(t, f, sum, 1<<20)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read back %d bytes, %v", len(got), err)
	}
	if _, err := read(t, f, sum, 10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a read above its limit: %v", err)
	}
}

func TestPutRefuses(t *testing.T) {
	f := open(t)
	data := []byte("hello")
	cut := errors.New("cut off")
	for name, c := range map[string]struct {
		sum   string
		r     io.Reader
		limit int64
		want  error
	}{
		"other digest": {Sum([]byte("other")), bytes.NewReader(data), 100, ErrDigest},
		"too large":    {Sum(data), bytes.NewReader(data), 4, ErrTooLarge},
		"cut off":      {Sum(data), io.MultiReader(bytes.NewReader(data), iotest.ErrReader(cut)), 100, cut},
		"name":         {"../../etc/passwd", bytes.NewReader(data), 100, ErrName},
		"capitals":     {strings.ToUpper(Sum(data)), bytes.NewReader(data), 100, ErrName},
	} {
		if _, err := f.Put(t.Context(), c.sum, c.r, c.limit); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		r    io.Reader
		want error
	}{
		"too large": {bytes.NewReader([]byte("more than hundred bytes" + strings.Repeat(".", 100))), ErrTooLarge},
		"cut off":   {io.MultiReader(bytes.NewReader(data), iotest.ErrReader(cut)), cut},
	} {
		if _, _, err := f.Add(t.Context(), c.r, 100); !errors.Is(err, c.want) {
			t.Errorf("added, %s: got %v, want %v", name, err, c.want)
		}
	}
	nothingLeft(t, f)
	if sum, n, err := f.Add(t.Context(), bytes.NewReader(data), 5); err != nil || n != 5 || sum != Sum(data) {
		t.Errorf("added: %d as %s, %v", n, sum, err)
	}
	if n, err := f.Put(t.Context(), Sum(data), bytes.NewReader(data), 5); err != nil || n != 5 {
		t.Errorf("exactly the limit: %d, %v", n, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	f := open(t)
	if _, err := f.Open(t.Context(), Sum(nil)); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	for _, name := range []string{"", "identity", "..%2f", strings.Repeat("g", 64), strings.Repeat("a", 63) + "/"} {
		if _, err := f.Open(t.Context(), name); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestNoWayOut: a symbolic link that somebody put in place of a blob is not followed out of the folder.
func TestNoWayOut(t *testing.T) {
	f := open(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := Sum([]byte("x"))
	if err := os.MkdirAll(filepath.Join(f.Path(), "blobs", sum[:2]), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(f.Path(), "blobs", sum[:2], sum)); err != nil {
		t.Fatal(err)
	}
	if file, err := f.Open(t.Context(), sum); err == nil {
		_ = file.Close()
		t.Error("a link out of the folder was followed")
	}
}

func TestIdentityStays(t *testing.T) {
	dir := t.TempDir()
	identities := make([]string, 8)
	var all sync.WaitGroup
	for i := range identities {
		all.Go(func() {
			f, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			identities[i] = f.Identity()
			_ = f.Close()
		})
	}
	all.Wait()
	for _, id := range identities {
		if id == "" || id != identities[0] {
			t.Fatalf("identities differ: %q", identities)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "identity"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("an empty identity was accepted")
	}
}

func TestLogPieces(t *testing.T) {
	f := open(t)
	write := func(offset int64, text string) (int64, error) {
		return f.WriteLog(t.Context(), 53, 1, offset, strings.NewReader(text), 20)
	}
	for _, c := range []struct {
		offset int64
		text   string
		size   int64
		want   error
	}{
		{0, "hello ", 6, nil},
		{0, "hello ", 6, nil}, // repeated
		{4, "o world", 11, nil},
		{12, "gap", 11, ErrGap},
		{11, "123456789", 20, nil},
		{20, "x", 0, ErrTooLarge},
	} {
		size, err := write(c.offset, c.text)
		if !errors.Is(err, c.want) || c.want != ErrTooLarge && size != c.size {
			t.Errorf("%q at %d: %d, %v; want %d, %v", c.text, c.offset, size, err, c.size, c.want)
		}
	}
	file, err := f.OpenLog(t.Context(), 53, 1, 0, 20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	got, err := io.ReadAll(file)
	if err != nil || string(got) != "hello world123456789" {
		t.Errorf("the log reads %q, %v", got, err)
	}
	if n, err := f.LogSize(t.Context(), 54, 1); n != 0 || err != nil {
		t.Errorf("a log that is not there: %d, %v", n, err)
	}
}

func TestManifest(t *testing.T) {
	sum := Sum(nil)
	m, err := ParseManifest([]byte(`{"files":[{"name":"a/b.png","size":3,"sha256":"` + sum + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := m.Find("a/b.png"); !ok || f.Size != 3 {
		t.Errorf("found %+v, %v", f, ok)
	}
	for _, name := range []string{"", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "a\nb", "."} {
		if CleanName(name) {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestSpace(t *testing.T) {
	f := open(t)
	s, err := f.Space(t.Context())
	if err != nil || s.Total <= 0 || s.FreePercent() < 0 || s.FreePercent() > 100 {
		t.Errorf("got %+v, %v", s, err)
	}
}

// TestNothingLeftOnAFullDisk: a disk that has room for the bytes of a blob and none for its folder, or not
// for its bytes, keeps nothing of it: who tries again must not fill the rest.
func TestNothingLeftOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("needs root and mounts: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only a folder
	if _, _, err := f.Add(t.Context(), bytes.NewReader(make([]byte, 100_000)), -1); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("more bytes than there is room for: %v", err)
	}
	nothingLeft(t, f)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	inodes := func(free uint64) {
		t.Helper()
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT, fmt.Sprint("nr_inodes=", st.Files-st.Ffree+free)); err != nil {
			t.Fatal(err)
		}
	}
	inodes(1)
	for range 3 {
		if _, _, err := f.Add(t.Context(), strings.NewReader("x"), -1); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("a blob without room for its folder: %v", err)
		}
		nothingLeft(t, f)
	}
	inodes(2)
	if _, _, err := f.Add(t.Context(), strings.NewReader("x"), -1); err != nil {
		t.Error(err)
	}
}
