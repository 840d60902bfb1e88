package scheduler_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestWrongDevice: one whose record names another job than the one that holds it, another fence, or
// none, is held by that one.
func TestWrongDevice(t *testing.T) {
	for name, change := range map[string]func(right []byte) []byte{
		"job":   func(right []byte) []byte { return bytes.Replace(right, []byte(`"j":1`), []byte(`"j":5`), 1) },
		"none":  func(right []byte) []byte { return bytes.Replace(right, []byte(`"j":1`), []byte(`"k":1`), 1) },
		"fence": func(right []byte) []byte { return bytes.Replace(right, []byte(`"f":1`), []byte(`"f":3`), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, scheduler.Timing{})
			h := w.host("h1", 1)
			w.submit("ana")
			w.submit("ana")
			choice, lease := h.choose(nil), w.start(h.take(nil))
			choice.Job++
			key := "live:dev:" + h.inv.Devices[0].UUID
			right := w.record(key)
			w.forge(key, change(right))
			report, err := w.s.Check(w.ctx)
			w.must(err)
			if got := w.record(key); !bytes.Equal(got, right) || len(report.Repairs) != 1 {
				t.Errorf("the record is %s, and was %s; repaired %q", got, right, report.Repairs)
			}
			_, err = h.claim(choice)
			w.wantErr(err, scheduler.ErrBusy)
			w.succeed(lease)
			w.succeed(w.start(h.take(nil)))
			if report, err = w.s.Check(w.ctx); err != nil || len(report.Repairs) != 0 {
				t.Errorf("the next check: %v, %q", err, report.Repairs)
			}
		})
	}
}

// TestDamagedDevice: one whose record cannot be read takes nothing until the check has written it again:
// free, or held by whom the jobs say.
func TestDamagedDevice(t *testing.T) {
	for name, held := range map[string]bool{"free": false, "held": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, scheduler.Timing{})
			h := w.host("h1", 1)
			w.submit("ana")
			first := w.start(h.take(nil))
			if !held {
				w.succeed(first)
			}
			w.submit("ana")
			choice := h.choose(nil)
			w.forge("live:dev:"+h.inv.Devices[0].UUID, []byte(`{"j":`))
			_, err := h.claim(choice)
			w.wantErr(err, scheduler.ErrBusy)
			if !strings.Contains(err.Error(), "damaged in the store") {
				t.Errorf("the claim was refused: %v", err)
			}
			report, err := w.s.Check(w.ctx)
			w.must(err)
			if len(report.Repairs) != 1 || !strings.Contains(report.Repairs[0], "was damaged") {
				t.Errorf("the check repaired %q", report.Repairs)
			}
			if held {
				_, err = h.claim(choice)
				w.wantErr(err, scheduler.ErrBusy)
				w.succeed(first)
			}
			next := w.start(h.take(nil))
			if next.Fence <= first.Fence {
				t.Errorf("fence %d came after %d", next.Fence, first.Fence)
			}
			w.succeed(next)
			if report, err = w.s.Check(w.ctx); err != nil || len(report.Repairs) != 0 {
				t.Errorf("the next check: %v, %q", err, report.Repairs)
			}
		})
	}
}

// TestDamagedLimit: the user holds what there is until the limit is set again, and the log says so.
func TestDamagedLimit(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	log := w.logged()
	h := w.host("h1", 3)
	_, err := w.submitN("ana", 3)
	w.must(err)
	w.limit("ana", 1)
	first := h.take(nil)
	w.forge("spec:limits:ana", []byte("broken"))
	second := h.take(busyDevices(first))
	if n := strings.Count(log.String(), "any number of devices until an admin sets the limit again"); n != 1 {
		t.Errorf("the log tells it %d times:\n%s", n, log)
	}
	w.limit("ana", 2)
	if c := h.choose(busyDevices(first, second)); c.Kind != scheduler.ChoiceNone || !strings.Contains(c.Reason, "ana holds 2 of at most 2 devices") {
		t.Errorf("may take %+v", c)
	}
}

// TestDamagedUsage: what cannot be read of it counts for nothing, the rest counts, and the log names it.
func TestDamagedUsage(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	h := w.host("h1", 1)
	run := func() {
		w.submit("ana")
		w.succeed(w.start(h.take(nil)))
		w.must(w.s.FoldUsage(w.ctx))
	}
	run()
	a, err := w.st.Read(w.ctx, store.Query{})
	w.must(err)
	hour, day := a.Now.Unix()/3600, a.Now.Unix()/86400
	log := w.logged()
	w.change(store.Append(fmt.Sprintf("live:usage:%d", hour), fmt.Appendf(nil, `{"j":9,"n":1,"u":"ana","h":"h1","d":["x"],"s":1,"e":%d}`, a.Now.UnixMicro()), 1<<20))
	w.change(store.Append(fmt.Sprintf("live:usage:%d", hour), fmt.Appendf(nil, `{"j":9,"n":1,"u":"ana","h":"h1","d":["x"],"s":%[1]d,"e":9%[1]d}`, a.Now.UnixMicro()), 1<<20))
	for _, c := range []struct {
		key   string
		jobs  int64 // told of, after another one
		spoil func(key string)
	}{
		{fmt.Sprintf("live:usage:%d", hour), 2, func(key string) { w.spoilLog(key) }},
		{fmt.Sprintf("spec:usage:%d", day), 1, func(key string) { w.forge(key, []byte("broken")) }},
		{"spec:usage", 1 + 4, func(key string) { w.forge(key, []byte("broken")) }}, // the hour's log is folded anew
	} {
		c.spoil(c.key)
		run()
		if got := w.usage().Users["ana"].Jobs; got != c.jobs {
			t.Errorf("%s: %d jobs are told of, not %d", c.key, got, c.jobs)
		}
		if !strings.Contains(log.String(), `"key":"`+c.key+`"`) {
			t.Errorf("%s is not in the log:\n%s", c.key, log)
		}
	}
}

// TestDamagedEvent: those behind it are told, and that something was there.
func TestDamagedEvent(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	log := w.logged()
	w.submit("ana")
	w.spoilLog("live:events")
	w.submit("bob")
	events, err := w.s.Events(w.ctx, store.EntryID{}, 10)
	w.must(err)
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.User+" "+e.Kind)
		if e.ID == (store.EntryID{}) {
			t.Errorf("%+v has no id", e)
		}
	}
	if got := strings.Join(kinds, ", "); got != "ana queued,  damaged, bob queued" {
		t.Errorf("told of: %s", got)
	}
	if !strings.Contains(log.String(), `"key":"live:events"`) {
		t.Errorf("the log does not tell:\n%s", log)
	}
}

// spoilLog adds an entry to a log that cannot be read.
func (w *world) spoilLog(key string) {
	w.Helper()
	w.change(store.Append(key, []byte(`{"broken`), 1<<20))
}

// TestDamagedFunctions: a list of functions that cannot be read is told as such; who registers begins a new one.
func TestDamagedFunctions(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	log := w.logged()
	w.register("fay", local("predict", "other")...)
	w.forge("spec:functions:fay", []byte("broken"))
	_, err := w.s.Functions(w.ctx, "fay")
	w.wantErr(err, scheduler.ErrDamaged)
	if !strings.Contains(err.Error(), "the functions of fay") {
		t.Error(err)
	}
	w.register("fay", local("predict")...)
	list, err := w.s.Functions(w.ctx, "fay")
	w.must(err)
	if len(list) != 1 || !strings.Contains(log.String(), `"key":"spec:functions:fay"`) {
		t.Errorf("there are %+v; the log:\n%s", list, log)
	}
}

// TestDamagedConsumer: one whose record cannot be read goes on once it was heard of, and is forgotten once it is silent.
func TestDamagedConsumer(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	id := w.message("fay", "predict")
	c := w.consumer(someConsumer, "fay", "predict")
	w.forge("spec:consumer:"+someConsumer, []byte("broken"))
	c.enter()
	w.succeed(w.start(c.take()))
	w.wantState(id, scheduler.Succeeded)
	w.forge("spec:consumer:"+someConsumer, []byte("broken"))
	w.reapSilent()
	a, err := w.st.Read(w.ctx, store.Query{Ranges: []store.Range{{Index: "spec:consumers", Limit: 2}}})
	w.must(err)
	if len(a.Ranges[0]) != 0 {
		t.Errorf("there are %q", a.Ranges[0])
	}
}

// TestDamagedListOfHosts: a host that the store does not list any more is listed with its next report.
func TestDamagedListOfHosts(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	h := w.host("h1", 1)
	w.change(store.Unindex("agent:hosts", []byte("h1")), store.Index("agent:hosts", []byte("i1")))
	w.must(w.s.Report(w.ctx, "h1", h.epoch, h.inv))
	_, err := w.s.Check(w.ctx)
	w.must(err)
	hosts, err := w.s.Hosts(w.ctx)
	w.must(err)
	if len(hosts) != 1 || hosts[0].Host != "h1" {
		t.Errorf("there are %+v", hosts)
	}
}

// TestDamagedFunctionsOfAWaitingMessage: it waits for them, other users' jobs do not, and it runs once
// they are registered again.
func TestDamagedFunctionsOfAWaitingMessage(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	h := w.host("h1", 1)
	soon := func(s *scheduler.Submission) { s.Request.RunAt = time.Now().Add(5 * time.Millisecond) }
	w.register("fay", local("predict")...)
	message := w.submit("fay", soon, func(s *scheduler.Submission) { s.Message, s.Functions = true, []string{"predict"} })
	w.submit("zoe", soon)
	w.forge("spec:functions:fay", []byte("broken"))
	<-time.After(10 * time.Millisecond)
	w.must(w.s.Promote(w.ctx))
	w.succeed(w.start(h.take(nil)))
	w.wantState(message, scheduler.Scheduled)
	w.register("fay", local("predict")...)
	w.must(w.s.Promote(w.ctx))
	w.succeed(w.start(w.consumer(someConsumer, "fay", "predict").take()))
	w.wantState(message, scheduler.Succeeded)
}

// TestDamagedListOfClasses: a class that the store does not list any more, though jobs of it wait, is
// listed again by the check.
func TestDamagedListOfClasses(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	h := w.host("h1", 1)
	id := w.submit("ana")
	class := []byte(w.job(id).Class)
	w.change(store.Unindex("live:classes", class), store.Index("live:classes", append([]byte{class[0] ^ 1}, class[1:]...)))
	_, err := w.s.Check(w.ctx)
	w.must(err)
	w.succeed(w.start(h.take(nil)))
}

// TestDamagedListOfConsumers: one that runs something and is not listed any more is listed again by the
// check, so that its lease ends with it.
func TestDamagedListOfConsumers(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	id := w.message("fay", "predict")
	w.start(w.consumer(someConsumer, "fay", "predict").take())
	member := []byte("fay\x00" + someConsumer)
	w.change(store.Unindex("spec:consumers", member), store.Index("spec:consumers", append(member[:len(member)-1:len(member)-1], 'x')))
	_, err := w.s.Check(w.ctx)
	w.must(err)
	w.reapSilent()
	if job := w.job(id); job.State.Active() {
		t.Errorf("the job is %s still", job.State)
	}
}
