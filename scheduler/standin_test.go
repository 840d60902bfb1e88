package scheduler_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
)

// box is a host whose CPU slot stands in for a GPU.
func (w *world) box(name string) *host {
	h := w.host(name, 1)
	d := &h.inv.Devices[0].Device
	*d = gpu.Device{UUID: "CPU-" + name, Kind: gpu.KindCPU, Model: "CPU slot", StandIn: true}
	w.must(w.s.Report(w.ctx, name, h.epoch, h.inv))
	return h
}

// TestStandInsStandBack: a CPU slot is no GPU as long as some host has one that
// could run the job: busy, drained, silent, but not forgotten.
func TestStandInsStandBack(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	w := worldOn(t, sim.NewStore("store", func() time.Time { return now }), scheduler.DefaultTiming())
	box := w.box("box")
	runs := func() bool { return box.choose(nil).Kind == scheduler.ChoiceRun }
	w.submit("ana")
	if !runs() {
		t.Fatal("the only host does not run it")
	}
	gpu1 := w.host("gpu1", 1)
	if runs() {
		t.Error("it runs beside a GPU")
	}
	w.submit("ana")
	gpu1.take(nil)
	if runs() {
		t.Error("it runs while the GPU is busy")
	}
	w.drain(scheduler.Drain{Host: "gpu1", By: "root"})
	if runs() {
		t.Error("it runs while the GPU is drained")
	}
	why, err := w.s.Why(w.ctx, 2, scheduler.Shown{})
	w.must(err)
	if code := why.Reasons[0].Code; code != "drained" {
		t.Errorf("why: %+v", why)
	}
	here := w.submit("ana", func(s *scheduler.Submission) { s.Request.Host = "box" })
	if c := box.choose(nil); c.Job != here {
		t.Errorf("%+v, though no other host may run job %d", c, here)
	}
	_, _, err = w.s.Cancel(w.ctx, here, "ana")
	w.must(err)

	var reaper scheduler.Reaper
	_, err = w.s.Reap(w.ctx, &reaper, func() time.Duration { return 0 })
	w.must(err)
	w.wantErr(w.s.ForgetHost(w.ctx, "gpu1"), scheduler.ErrHostAlive)
	now = now.Add(time.Hour)
	w.wantErr(w.s.ForgetHost(w.ctx, "gpu1"), scheduler.ErrHostBusy)
	_, err = w.s.Reap(w.ctx, &reaper, func() time.Duration { return time.Hour })
	w.must(err)
	if _, err := w.s.Renew(w.ctx, "box", box.epoch, nil); err != nil {
		t.Fatal(err)
	}
	if runs() {
		t.Error("it runs while the GPU is away")
	}
	w.must(w.s.ForgetHost(w.ctx, "gpu1"))
	w.wantErr(w.s.ForgetHost(w.ctx, "gpu1"), scheduler.ErrUnknownHost)
	if !runs() {
		t.Error("it does not run after the only GPU was forgotten")
	}
	_, err = w.s.Renew(w.ctx, "gpu1", gpu1.epoch, nil)
	w.wantErr(err, scheduler.ErrRejoin)
	w.wantErr(w.s.Report(w.ctx, "gpu1", gpu1.epoch, gpu1.inv), scheduler.ErrRejoin)
	gpu1.join(nil, nil)
	if runs() {
		t.Error("it runs though the host is back")
	}
	w.clean()
}

// TestStandInForOneUser: a GPU that runs a user's jobs only keeps a slot from
// nobody else's.
func TestStandInForOneUser(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	box, gpu1 := w.box("box"), w.host("gpu1", 1)
	gpu1.inv.Accounts = []string{"ana"}
	w.must(w.s.Report(w.ctx, "gpu1", gpu1.epoch, gpu1.inv))
	var ids []scheduler.JobID
	for _, user := range []string{"ana", "bob"} {
		sub := scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte("{}"), Function: "f"}
		out, err := w.s.Submit(w.ctx, scheduler.Who{User: user, Unix: user}, []scheduler.Submission{sub}, "")
		w.must(err)
		ids = append(ids, out.IDs...)
	}
	if c := box.choose(nil); c.Job != ids[1] || len(c.Next) > 0 {
		t.Errorf("box chooses %+v", c)
	}
}

// TestAccountKnownByNameOnly: a host whose directory lists nobody may have any
// account, until it says that it has not; there it is asked.
func TestAccountKnownByNameOnly(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("gpu1", 1)
	h.inv.Accounts, h.inv.AccountsByName = []string{}, true
	w.must(w.s.Report(w.ctx, "gpu1", h.epoch, h.inv))
	submit := func(unix string) (scheduler.JobID, error) {
		sub := scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte("{}"), Function: "f"}
		out, err := w.s.Submit(w.ctx, scheduler.Who{User: "u" + unix, Unix: unix}, []scheduler.Submission{sub}, "")
		if err != nil {
			return 0, err
		}
		return out.IDs[0], nil
	}
	bob, err := submit("bob")
	w.must(err)
	ana, err := submit("ana")
	w.must(err)
	_, err = submit("")
	w.wantErr(err, scheduler.ErrUnsatisfiable)
	o := h.offer(nil)
	o.Accounts = []string{}
	choose := func() scheduler.Choice {
		v, err := w.s.View(w.ctx, o, 0)
		w.must(err)
		return scheduler.Pick(v, o, v.Now, 0)
	}
	if c := choose(); c.Kind != scheduler.ChoiceNone {
		t.Errorf("an agent that asks nobody chooses %+v", c)
	}
	o.AccountOK = func(unix string) bool { return unix == "ana" }
	if c := choose(); c.Job != ana || len(c.Next) > 0 {
		t.Errorf("it chooses %+v, want job %d", c, ana)
	}
	h.inv.Barred = []scheduler.Barred{{Unix: "bob"}, {Unix: "carl"}}
	w.must(w.s.Report(w.ctx, "gpu1", h.epoch, h.inv))
	why, err := w.s.Why(w.ctx, bob, scheduler.Shown{})
	w.must(err)
	if text := fmt.Sprint(why.Reasons); !strings.Contains(text, `gpu1 has no unix account "bob"`) {
		t.Errorf("why: %s", text)
	}
	w = worldOn(t, w.st, scheduler.DefaultTiming()) // one that has not looked at the fleet in the last seconds
	_, err = submit("carl")
	w.wantErr(err, scheduler.ErrUnsatisfiable)
}

// TestForgottenAfterAWeek: what was not seen for a week does not count any more.
func TestForgottenAfterAWeek(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	w := worldOn(t, sim.NewStore("store", func() time.Time { return now }), scheduler.DefaultTiming())
	w.host("gpu1", 1)
	for _, c := range []struct {
		after time.Duration
		kind  scheduler.ChoiceKind
	}{{0, scheduler.ChoiceNone}, {6 * 24 * time.Hour, scheduler.ChoiceNone}, {2 * 24 * time.Hour, scheduler.ChoiceRun}} {
		now = now.Add(c.after)
		box := w.box("box")
		if c.after == 0 {
			w.submit("ana")
		}
		if got := box.choose(nil); got.Kind != c.kind {
			t.Errorf("after %s more: %+v", c.after, got)
		}
		_, err := w.s.Check(w.ctx)
		w.must(err)
	}
	hosts, err := w.s.Hosts(w.ctx)
	w.must(err)
	if len(hosts) != 1 || hosts[0].Host != "box" {
		t.Errorf("%+v", hosts)
	}
}
