package agent_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mlq-dev/mlq/agent/agenttest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// An agent's process that is killed: the next one takes its job over, over HTTPS too.
func TestAgentOverHTTPSIsKilled(t *testing.T) {
	t.Parallel()
	w := newHTTPSWorld(t, 1)
	h := w.spawn("h1", "cpu:1")
	g := w.gate()
	pid := g.running(1)
	h.kill()
	h.respawn()
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
	if job := w.awaitState(g.id, scheduler.Succeeded); len(job.Attempts) != 1 {
		t.Errorf("%d attempts", len(job.Attempts))
	}
	w.handedOn()
}

// A server that is replaced by another one in the middle costs nothing: the job
// goes on, and its end, which came while no server was there, is told to the next.
func TestServerReplacedInMidJob(t *testing.T) {
	t.Parallel()
	w := newHTTPSWorld(t, 1)
	w.start("h1", "cpu:1", nil)
	goesOn := w.gate()
	pid := goesOn.running(1)
	w.https.Stop()
	w.https.Start()
	goesOn.open()
	if got := w.value(goesOn.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
	meanwhile := w.gate()
	pid = meanwhile.running(1)
	w.https.Stop()
	meanwhile.open()
	meanwhile.gone(pid)
	w.https.Start()
	if got := w.value(meanwhile.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
	for _, id := range []scheduler.JobID{goesOn.id, meanwhile.id} {
		if job := w.awaitState(id, scheduler.Succeeded); len(job.Attempts) != 1 {
			t.Errorf("%d attempts of job %d", len(job.Attempts), id)
		}
	}
}

// A server that is away for longer than the belief: the slot kills the job by
// itself, and the job runs again when the server is back.
func TestServerAwayForTooLong(t *testing.T) {
	t.Parallel()
	w := newHTTPSWorld(t, 10)
	w.start("h1", "cpu:1", nil)
	g := w.gate()
	pid := g.running(1)
	w.https.Stop()
	g.gone(pid)
	w.https.Start()
	again := g.running(2)
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(again) {
		t.Errorf("result of process %s, want %d", got, again)
	}
}

// Where requests and answers get lost and requests come twice, each job runs once.
func TestLostAnswersOverHTTPS(t *testing.T) {
	t.Parallel()
	w := newHTTPSWorld(t, 1)
	w.https.Inject(agenttest.Faults(7, 6))
	w.start("h1", "cpu:2", nil)
	dir := t.TempDir()
	source := "import os\ndef f(path):\n    open(path, 'a').write('x')\n    return path"
	var ids []scheduler.JobID
	for i := range 20 {
		ids = append(ids, w.submit(call(source, filepath.Join(dir, strconv.Itoa(i)))))
	}
	for i, id := range ids {
		w.awaitState(id, scheduler.Succeeded)
		if b, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(i))); err != nil || string(b) != "x" {
			t.Errorf("job %d ran %d times, %v", id, len(b), err)
		}
	}
}

// A result that was uploaded and is not there any more when its job ends is sent again.
func TestResultIsSentAgain(t *testing.T) {
	t.Parallel()
	w := newHTTPSWorld(t, 1)
	var once sync.Once
	w.https.Inject(func(r *http.Request) storetest.Fault {
		if strings.HasSuffix(r.URL.Path, "/finish") {
			once.Do(func() { w.shelf.lose(t) })
		}
		return storetest.Healthy
	})
	w.start("h1", "cpu:1", nil)
	id := w.submit(call("def f(msg):\n    return 'x' * 20000", nil))
	job := w.awaitState(id, scheduler.Succeeded)
	if data, err := w.shelf.read(job.Result.SHA256, 1<<20); err != nil || int64(len(data)) != job.Result.Size || job.Result.Size < 20000 {
		t.Errorf("%d bytes are kept, %v; result %+v", len(data), err, job.Result)
	}
}

// lose removes every blob that was sent.
func (s *shelf) lose(t *testing.T) {
	lost := 0
	err := filepath.WalkDir(s.blobs.Path(), func(path string, d os.DirEntry, err error) error {
		if err == nil && len(d.Name()) == 64 {
			lost++
			err = os.Remove(path)
		}
		return err
	})
	if err != nil || lost == 0 {
		t.Errorf("removed %d blobs, %v", lost, err)
	}
}
