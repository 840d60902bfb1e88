package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/redistest"
)

// TestBlobsFrom: a server without a folder of blobs of its own keeps them with
// another one, and everything goes through it that is large.
func TestBlobsFrom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := &lab{t: t, dir: dir, redis: redistest.Shared(t).URL(redistest.Namespace(t)), gpus: "cpu:2"}
	owner := l.start("serve", "--data", filepath.Join(dir, "owner"))
	second := l.start("serve", "--data", filepath.Join(dir, "second"), "--blobs-from", owner.url)
	l.servers = []*daemon{second, owner} // the agent talks to the first
	l.admin = strings.TrimSpace(l.read("owner/admin.token"))
	l.startAgent()
	t.Run("others are refused", l.refusesOthers)
	t.Run("100 MiB in and out", l.largeThroughSecond)
	t.Run("the owner goes and comes", l.ownerComesBack)
}

func (l *lab) refusesOthers(t *testing.T) {
	second, owner := l.servers[0], l.servers[1]
	for name, c := range map[string]struct {
		flags []string
		want  []string
	}{
		"a folder of its own": {nil, []string{filepath.Join(l.dir, "owner", "blobs"), "--blobs DIR", "--blobs-from URL"}},
		"in a circle":         {[]string{"--blobs-from", second.url}, []string{"no blobs of its own", owner.url}},
		"both":                {[]string{"--blobs-from", owner.url, "--blobs", filepath.Join(l.dir, "b")}, []string{"exclude each other"}},
		"in the clear":        {[]string{"--blobs-from", "http://10.1.2.3:5001"}, []string{"can be read on the way", "--blobs-from-insecure"}},
	} {
		args := append([]string{"serve", "--signing-key-file", filepath.Join(l.dir, "signing.key"), "--store", l.redis, "--listen", "127.0.0.1:0", "--data", filepath.Join(l.dir, "third")}, c.flags...)
		d, err := startDaemon(l.dir, l.env(), args...)
		if err == nil {
			d.kill()
			t.Errorf("%s: it started", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in %v", name, want, err)
			}
		}
	}
}

// largeThroughSecond holds also that neither way is a blob in the second's memory.
func (l *lab) largeThroughSecond(t *testing.T) {
	const size = 100 << 20
	second := l.servers[0]
	data := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), size) }
	sum := sumOf(t, data())
	l.send(t, second.url+"/blobs/"+sum, data())
	if got := sumOf(t, l.get(t, second.url, "/blobs/"+sum)); got != sum {
		t.Errorf("the blob came back as %s, want %s", got, sum)
	}
	id := l.post(t, second.url, "import random\n\n"+
		"def big(n):\n    print('making', n, 'bytes')\n    return random.Random(7).randbytes(n)\n", "big", size)
	if got, want := sumOf(t, l.get(t, second.url, "/jobs/"+id+"/result?wait=30s")), l.expected(size); got != want {
		t.Errorf("SHA-256 of the result is %s, want %s", got, want)
	}
	if log := text(t, l.get(t, second.url, "/jobs/"+id+"/logs")); !strings.Contains(log, "making") {
		t.Errorf("the log reads %q", log)
	}
	if peak := peakMemory(t, second); peak > 96<<20 {
		t.Errorf("the second server had %d MiB in memory", peak>>20)
	}
}

func sumOf(t *testing.T, r io.Reader) string {
	t.Helper()
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// send uploads a blob of unknown length.
func (l *lab) send(t *testing.T, url string, body io.Reader) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+l.admin)
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("PUT %s: %s %s", url, response.Status, text(t, response.Body))
	}
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory is the most that a process ever had in memory, in bytes.
func peakMemory(t *testing.T, d *daemon) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	found := highWater.FindSubmatch(status)
	if found == nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	kib, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// ownerComesBack: without the server that has the blobs the other one says
// that it is not ready and what needs them has to wait; then all goes on.
func (l *lab) ownerComesBack(t *testing.T) {
	second, owner := l.servers[0], l.servers[1]
	if err := owner.stop(); err != nil {
		t.Fatal(err)
	}
	l.ready(t, http.StatusServiceUnavailable)
	large := fmt.Sprintf(`{"source": "def f(m):\n    return len(m)\n", "function": "f", "msg": %q}`, strings.Repeat("m", 20_000))
	response, err := l.offer(second.url+"/jobs", large)
	if err != nil {
		t.Fatal(err)
	}
	body := text(t, response.Body)
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" || !strings.Contains(body, "blobs-away") {
		t.Errorf("without the owner a submit is answered %s, Retry-After %q: %s", response.Status, response.Header.Get("Retry-After"), body)
	}
	address := strings.TrimPrefix(owner.url, "http://")
	back, err := startDaemon(l.dir, l.env(), "serve", "--data", filepath.Join(l.dir, "owner"), "--signing-key-file", filepath.Join(l.dir, "signing.key"), "--store", l.redis, "--listen", address)
	if err != nil {
		t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if err := back.stop(); err != nil {
			l.t.Error(err)
		}
	})
	l.ready(t, http.StatusOK)
	id := text(t, l.do(t, http.MethodPost, second.url+"/jobs", []byte(large)).Body)
	if got := text(t, l.get(t, second.url, "/jobs/"+id+"/result?wait=30s")); got != "20000" {
		t.Errorf("the job returned %q", got)
	}
}

// ready waits until the second server's /readyz has that status.
func (l *lab) ready(t *testing.T, status int) {
	t.Helper()
	if err := eventually(20*time.Second, func() error {
		response, err := http.Get(l.servers[0].url + "/readyz")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != status {
			return fmt.Errorf("readyz is %s, want %d", response.Status, status)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// offer posts JSON, whatever the answer is.
func (l *lab) offer(url, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+l.admin)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		l.t.Cleanup(func() { response.Body.Close() })
	}
	return response, err
}
