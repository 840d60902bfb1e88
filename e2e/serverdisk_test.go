package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/blob"
)

// refusals are what a disk that takes nothing must refuse, and then take, without a restart: the
// arguments, what is said, and what is given on standard input.
type refusals []struct{ args, words, input string }

// hold that each is refused, in words, or taken.
func (r refusals) hold(l *lab, taken bool) {
	l.t.Helper()
	for _, c := range r {
		err := eventually(5*time.Second, func() error { // the look at the disk is a second old at most
			_, err := l.fed(c.input, binary, strings.Fields(c.args)...)
			switch {
			case taken:
				return err
			case err == nil || !strings.Contains(err.Error(), c.words):
				return fmt.Errorf("%s: %v, want %q", c.args, err, c.words)
			}
			return nil
		})
		if err != nil {
			l.t.Error(err)
		}
	}
}

// TestServerOnAFullDisk: all that a server keeps lies on one disk, which has no byte left. What would
// have to be kept is refused in words, nothing is half there, what frees is taken, and with room again
// the same server takes it all. One that is started there says so, and leaves nothing in the way of the next start.
func TestServerOnAFullDisk(t *testing.T) {
	t.Parallel()
	l := &lab{t: t, dir: t.TempDir()}
	disk := newDisk(t, filepath.Join(l.dir, "disk"), 200<<20)
	l.more = []string{"XDG_CONFIG_HOME=" + filepath.Join(disk.path, "home")}
	serve := func(data string) *daemon {
		return l.begin("serve", "--data", filepath.Join(disk.path, data), "--listen", "127.0.0.1:0")
	}
	d := serve("server")
	l.servers, l.admin = []*daemon{d}, strings.TrimSpace(l.read("disk/server/admin.token"))
	l.ready(t, http.StatusOK)
	write(t, filepath.Join(l.dir, "f.py"), "def f():\n    return 1\n")
	l.mlq("token", "create", "--user", "ana")
	l.mlq("submit", "f.py:f")
	out := t.TempDir()
	all := refusals{
		{args: "submit f.py:f", words: "store full: 0 MiB left on its disk"},
		{args: "token create --user bob", words: "store full: 0 MiB left on its disk"},
		{args: "host add gpu1", words: "store full: 0 MiB left on its disk"},
		{args: "secret set NAME", words: "the server's disk is full; nothing of this was kept", input: "value"},
		{args: "backup " + out, words: "the server's disk is full; nothing of this was kept"},
		{args: "login " + d.url, words: "no space left on device", input: l.admin},
	}
	before := disk.has()
	disk.full()
	all.hold(l, false)
	l.upload(http.StatusInsufficientStorage)
	l.mlq("whoami")
	l.mlq("cancel", "1")
	l.ready(t, http.StatusServiceUnavailable)
	if !strings.Contains(d.log.String(), "an audit entry is in this log only") {
		t.Error("the log does not say that the store has no audit entry of what was refused")
	}
	after := disk.has()
	for _, changes := range []string{"/server/store/store.db", "/server/blobs/held"} { // the cancel; the backup's hold, of 0 bytes
		delete(before, changes)
		delete(after, changes)
	}
	if !maps.Equal(before, after) {
		t.Errorf("on the full disk files came or changed:\nbefore %v\nafter  %v", before, after)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) > 1 { // its lock
		t.Errorf("of the refused backup there are %v, %v", left, err)
	}
	disk.well()
	l.ready(t, http.StatusOK)
	all.hold(l, true)
	l.upload(http.StatusCreated)
	if got := l.mlq("audit"); !strings.Contains(got, "bob") {
		t.Errorf("the audit log has nothing of what was done with room again:\n%s", got)
	}

	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	disk.full()
	d = serve("server")
	l.servers[0] = d
	l.ready(t, http.StatusServiceUnavailable)
	l.mlq("jobs")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	for kib := int64(0); kib < 48; kib += 12 {
		data := fmt.Sprint("new", kib)
		disk.leave(kib << 10)
		_, err := startDaemon(l.dir, l.env(), "serve", "--data", filepath.Join(disk.path, data), "--listen", "127.0.0.1:0")
		if err == nil || !strings.Contains(err.Error(), "no space left on device") && !strings.Contains(err.Error(), "store full") {
			t.Errorf("a first start with room for %d KiB: %v", kib, err)
		}
		disk.well()
		if err := serve(data).stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestServersDisks: the small files of a server and its blobs are on disks of their own, each of which
// becomes full, and read-only. Ids are not issued that the full one could not note.
func TestServersDisks(t *testing.T) {
	t.Parallel()
	l := &lab{t: t, dir: t.TempDir(), redis: "memory:"}
	data, blobs := newDisk(t, filepath.Join(l.dir, "data"), 1<<20), newDisk(t, filepath.Join(l.dir, "blobs"), 1<<20)
	d := l.start("serve", "--data", data.path, "--blobs", blobs.path)
	l.servers, l.admin = []*daemon{d}, strings.TrimSpace(l.read("data/admin.token"))
	write(t, filepath.Join(l.dir, "f.py"), "def f():\n    return 1\n")
	small := refusals{
		{args: "submit f.py:f", words: "the server's disk is full; nothing of this was kept"},
		{args: "secret set NAME", words: "the server's disk is full; nothing of this was kept", input: "value"},
	}
	data.full()
	for range 3 { // no block of ids is used that a refused submit had asked for
		small.hold(l, false)
	}
	data.well()
	l.mlq("submit", "f.py:f")
	if jobs := l.mlq("jobs"); strings.Count(jobs, "\n") != 2 { // its head, and the one
		t.Errorf("refused jobs are there: %q", jobs)
	}

	data.readOnly()
	if _, err := startDaemon(l.dir, l.env(), "serve", "--data", filepath.Join(data.path, "other"), "--listen", "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "read-only file system") {
		t.Errorf("a start on a read-only disk: %v", err)
	}
	refusals{{args: "secret set NAME", words: "the server's disk is mounted read-only; nothing of this was kept", input: "value"}}.hold(l, false)
	data.well()
	refusals{{args: "secret set NAME", input: "value"}}.hold(l, true)

	blobs.readOnly()
	l.ready(t, http.StatusServiceUnavailable)
	all := refusals{
		{args: "submit f.py:f", words: "the server's disk is mounted read-only"},
		{args: "backup " + t.TempDir(), words: "the server's disk is mounted read-only"},
	}
	all.hold(l, false)
	l.upload(http.StatusInsufficientStorage)
	l.admin, l.servers[0] = l.token("h1", "agent"), d
	l.upload(http.StatusInsufficientStorage) // what agents send is looked at by the disk alone
	l.admin = strings.TrimSpace(l.read("data/admin.token"))
	blobs.well()
	l.ready(t, http.StatusOK)
	all.hold(l, true)
	l.upload(http.StatusCreated)
}

// upload sends a blob and holds the answer's status; of one that is refused nothing is left.
func (l *lab) upload(want int) {
	l.t.Helper()
	body := bytes.Repeat([]byte("a payload of 9 KiB"), 512)
	err := eventually(5*time.Second, func() error {
		r, err := http.NewRequest(http.MethodPut, l.servers[0].url+"/blobs/"+blob.Sum(body), bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+l.admin)
		r.Header.Set("Content-Type", "application/octet-stream")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode != want {
			err = fmt.Errorf("an upload was answered %d %s, want %d", answer.StatusCode, text, want)
		}
		return err
	})
	if err != nil {
		l.t.Error(err)
	}
}
