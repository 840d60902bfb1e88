package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

const someSource = "def f(msg):\n    return msg\n"

var python = header{"Content-Type", "text/x-python"}

// keep registers f as a source that is kept loaded.
func (w *world) keep(token, more string) {
	w.Helper()
	w.ok(w.do(token, "POST", "/consumer?name=f&keep=1"+more, someSource, python), 201, nil)
}

// process is the job of f's process, once there is one that pred accepts.
func (w *world) process(token string, pred func(p api.FunctionProcess) bool) api.FunctionProcess {
	w.Helper()
	var p api.FunctionProcess
	eventually(w, "the process of f", func() bool {
		var list map[string][]api.Function
		w.ok(w.do(token, "GET", "/consumer", nil), 200, &list)
		for _, f := range list["functions"] {
			if f.Name == "f" && f.Process != nil {
				p = *f.Process
				return pred(p)
			}
		}
		return false
	})
	return p
}

func (w *world) newProcess(token string) scheduler.JobID {
	w.Helper()
	return w.process(token, func(p api.FunctionProcess) bool { return p.State == scheduler.Queued }).Job
}

// loaded starts f's process on a device, as an agent does, and gives what runs in it.
func (w *world) loaded(id scheduler.JobID, device int) (*consumer, lease) {
	w.Helper()
	l := w.start(id, device)
	return &consumer{world: w, token: l.token, id: fmt.Sprintf("%016x", id), functions: []string{"f"}}, l
}

// soon has everything that a server does by the time happen at once.
func soon(o *api.Options) { o.SafetyReread = 20 * time.Millisecond }

// TestKeptFunction: a message has the process of its function started, once; what comes
// after it goes there; the function's entry says where it is loaded.
func TestKeptFunction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, soon)
	w.join()
	w.keep(w.ana, "&gpus=1&idle=5m&filename=model.py")
	if list, err := scheduler.ReadFunctions(t.Context(), w.st, "ana"); err != nil || list[0].Class != "gpus=1" {
		t.Errorf("what its process needs: %+v, %v", list, err)
	}
	first, second := w.submit(w.ana, `{"msg": 1}`), w.submit(w.ana, `{"msg": 2}`)
	id := w.newProcess(w.ana)
	p, l := w.loaded(id, 0)
	job := p.take()
	if job.Job != first || strings.Join(job.Functions, ",") != "f" {
		t.Errorf("took %+v", job)
	}
	now := w.process(w.ana, func(p api.FunctionProcess) bool { return p.Loaded })
	if now.Job != id || now.State != scheduler.Running || now.Host != "node1" || strings.Join(now.Devices, ",") != "CPU-0" || now.Since.IsZero() {
		t.Errorf("process %+v", now)
	}
	var leases map[string][]api.Lease
	w.ok(w.do(w.admin, "GET", "/leases", nil), 200, &leases)
	served := 0
	for _, l := range leases["leases"] {
		if l.Job == first && l.ServedBy == id && strings.HasPrefix(l.Host, "consumer-") {
			served++
		}
	}
	if served != 1 || len(leases["leases"]) != 2 {
		t.Errorf("leases %+v", leases)
	}
	p.succeed(job, "1")
	if job := p.take(); job.Job != second {
		t.Errorf("took %+v", job)
	} else {
		p.succeed(job, "2")
	}
	l.succeed(envelope.Header{Value: envelope.ValueJSON, Short: "2"}, view("2"))
	w.submit(w.ana, `{"msg": 3}`)
	if again := w.newProcess(w.ana); again == id {
		t.Error("the process that has ended is to take the message")
	}
	counts := w.processes(w.ana, "f")
	if counts != 2 {
		t.Errorf("%d jobs were submitted for the process", counts)
	}
}

// processes is how many jobs have this name and are no messages.
func (w *world) processes(token, name string) (n int) {
	var page api.Page
	w.ok(w.do(token, "GET", "/jobs?name="+name, nil), 200, &page)
	for _, j := range page.Jobs {
		if !strings.Contains(fmt.Sprint(j.Worker), "consumer-") && len(j.Functions) == 0 {
			n++
		}
	}
	return n
}

// TestOneProcess: of several servers on one store, one starts it.
func TestOneProcess(t *testing.T) {
	t.Parallel()
	st, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	blobs, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	w := worldOn(t, st, blobs, soon)
	others := []*world{worldOn(t, st, blobs, soon), worldOn(t, st, blobs, soon)}
	w.join()
	w.keep(w.ana, "")
	for i := range 30 {
		w.submit(w.ana, fmt.Sprintf(`{"msg": %d, "functions": ["f"], "name": "m"}`, i))
	}
	id := w.newProcess(w.ana)
	p, _ := w.loaded(id, 0)
	for range 30 {
		p.world = others[0]
		job := p.take()
		p.world = others[1]
		p.succeed(job, "1")
	}
	if n := w.processes(w.ana, "f"); n != 1 {
		t.Errorf("%d processes were started", n)
	}
}

// TestProcessOfAServerThatDied: it had noted the process and submitted its job, and not
// noted that. The next round of any server finds the same job.
func TestProcessOfAServerThatDied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, soon)
	w.join()
	w.keep(w.ana, "")
	var fn scheduler.Function
	must(t, w.sched.ChangeFunctions(t.Context(), "ana", func(list []scheduler.Function, _ time.Time, _ bool) ([]scheduler.Function, error) {
		list[0].Process.Generation = 1
		fn = list[0]
		return list, nil
	}))
	p, err := submission.Parse(scheduler.MediaJSON, fn.Request)
	must(t, err)
	key := fmt.Sprintf("process 1 of f, registered %d", fn.Registered.UnixMicro())
	done, err := w.sched.Submit(t.Context(), scheduler.Who{User: "ana"}, []scheduler.Submission{p.Submission}, key)
	must(t, err)
	w.submit(w.ana, `{"msg": 1}`)
	if id := w.newProcess(w.ana); id != done.IDs[0] {
		t.Errorf("the process is job %d, not %d", id, done.IDs[0])
	}
	if n := w.processes(w.ana, "f"); n != 1 {
		t.Errorf("%d processes", n)
	}
}

// TestGiveBack: the process is told to end when its device is wanted and it is idle, when
// nothing came for its idle time, and when its function changed.
func TestGiveBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, soon)
	w.join()
	w.keep(w.ana, "&idle=60")
	w.submit(w.ana, `{"msg": 1}`)
	p, l := w.loaded(w.newProcess(w.ana), 0)
	p.succeed(p.take(), "1")
	idle := func(seconds float64) answer {
		asking := p.asking(0)
		asking.Idle = seconds
		return p.post("take", asking)
	}
	w.ok(idle(15), 204, nil) // nobody waits
	other := w.start(w.submit(w.bob, `{"source": "def g(): pass", "function": "g"}`), 1)
	waits := w.submit(w.bob, `{"source": "def g(): pass", "function": "g"}`)
	w.ok(idle(5), 204, nil) // not yet
	problem := w.refused(idle(15), 410, api.CodeGiveBack)
	if want := fmt.Sprintf("job %d of bob waits for its device", waits); !strings.Contains(problem.Detail, want) {
		t.Errorf("detail %q", problem.Detail)
	}
	// One that waits in a take is told so while it waits.
	asking := p.asking(20)
	asking.Idle = 9.9
	w.refused(p.post("take", asking), 410, api.CodeGiveBack)
	other.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	w.ok(idle(15), 204, nil) // a device is free for it
	if problem := w.refused(idle(61), 410, api.CodeGiveBack); !strings.Contains(problem.Detail, "nothing came for 1m1s") {
		t.Errorf("detail %q", problem.Detail)
	}
	told := make(chan answer)
	go func() { told <- p.post("take", p.asking(20)) }()
	w.keep(w.ana, "&idle=60")
	if problem := w.refused(<-told, 410, api.CodeGiveBack); !strings.Contains(problem.Detail, "registered anew") {
		t.Errorf("detail %q", problem.Detail)
	}
	w.submit(w.ana, `{"msg": 2}`)
	l.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	w.newProcess(w.ana)
}

// TestProcessDies: its message runs again, in a new process, and not before a while.
func TestProcessDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, soon)
	w.join()
	w.keep(w.ana, "")
	id := w.submit(w.ana, `{"msg": 1}`)
	first := w.newProcess(w.ana)
	p, l := w.loaded(first, 0)
	job := p.take()
	_, err := w.sched.Finish(t.Context(), l.ref, scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonKilled, Detail: "died of SIGSEGV"})
	must(t, err)
	eventually(t, "the message waits again", func() bool { return w.job(w.ana, id).State == scheduler.Queued })
	w.refused(p.finish(job, "succeeded", envelope.Header{Kind: envelope.KindResult, Value: envelope.ValueText}, view("1")), 401, api.CodeUnauthorized)
	why := w.why(w.ana, id)
	if len(why.Reasons) == 0 || why.Reasons[0].Code != "process" || !strings.Contains(why.Reasons[0].Text, fmt.Sprintf("job %d, which was to load f, failed (died of SIGSEGV); it is tried again at ", first)) {
		t.Errorf("why %+v", why.Reasons)
	}
	if n := w.processes(w.ana, "f"); n != 1 {
		t.Errorf("%d processes", n)
	}
}
