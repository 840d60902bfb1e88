package agent_test

import (
	"os/user"
	"strconv"
	"testing"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// Whose processes a hold's are is known to the next agent too; at its end nothing
// of theirs is killed, and they are named.
func TestHoldOutlivesItsAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A")
	h := w.start("h1", "", p.use)
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		t.Fatal(err)
	}
	id := w.submitFrom(scheduler.Who{User: "ana", Unix: "nobody"}, `{"hold":"1h"}`)
	w.awaitState(id, scheduler.Running)
	other := stranger(t)
	theirs := process(t, other.Process.Pid)
	theirs.UID = uid
	p.used("GPU-A", theirs)
	silent := func(when string) {
		looked := p.looked("GPU-A")
		w.until("a look", func() bool { return p.looked("GPU-A") > looked+1 }, func() string { return "none" })
		if all, _ := w.inventory("h1"); len(all["GPU-A"].Foreign) != 0 || all["GPU-A"].State != gpu.Leased {
			t.Fatalf("%s the holder's process is taken for %+v (%s)", when, all["GPU-A"].Foreign, all["GPU-A"].State)
		}
	}
	silent("at first")
	h.again(p)
	silent("after a restart")
	if _, _, err := w.sched.Cancel(w.ctx, id, "ana"); err != nil {
		t.Fatal(err)
	}
	w.awaitState(id, scheduler.Cancelled)
	d, _ := w.awaitDevice("h1", "GPU-A", gpu.Foreign)
	w.told(d.Reason, "used by", strconv.Itoa(other.Process.Pid))
	w.alive(other)
}
