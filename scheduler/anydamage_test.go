package scheduler_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// crowd is a store with something of everything, and a user and a host, zoe and z, that have nothing to
// do with any of it.
type crowd struct {
	*world
	z     *host
	lease scheduler.LeaseRef // zoe's, on z
	mine  []scheduler.JobID  // zoe's: one that runs, one that waits, one that waits for a time
}

func newCrowd(t *testing.T) *crowd { return crowdIn(newWorld(t, scheduler.Timing{})) }

func crowdIn(w *world) *crowd {
	w.must(w.s.OpenSchema(w.ctx, true))
	soon := func(s *scheduler.Submission) { s.Request.RunAt = time.Now().Add(20 * time.Millisecond) }
	h1, h2 := w.host("h1", 2), w.host("h2", 1)
	w.limit("ana", 5)
	w.submit("ana")
	w.finish(w.start(h2.take(nil)), scheduler.Finish{Outcome: scheduler.OutcomeSucceeded, Inline: []byte("result")})
	w.submit("ana", func(s *scheduler.Submission) { s.Callback, s.Request.ResultTTL = "https://a.example/done", time.Hour })
	w.succeed(w.start(h2.take(nil)))
	parent := w.submit("ana")
	w.start(h1.take(nil))
	_, err := w.s.Submit(w.ctx, scheduler.Who{User: "ana"}, []scheduler.Submission{{Media: scheduler.MediaJSON, Body: []byte(`{"msg": 1}`), Function: "train"}}, "a-key")
	w.must(err)
	w.submit("ana", func(s *scheduler.Submission) { s.Request.QueueTimeout = time.Hour })
	w.submit("ana", soon)
	w.submit("ana", func(s *scheduler.Submission) { s.Request.After = []scheduler.JobID{parent} })
	w.message("fay", "predict")
	w.consumer(someConsumer, "fay", "predict")
	w.message("fay", "predict", "other")
	w.submit("fay", soon, func(s *scheduler.Submission) { s.Message, s.Functions = true, []string{"predict"} })
	w.drain(scheduler.Drain{Host: "h2", Device: h2.inv.Devices[0].UUID, By: "root: fan", In: time.Hour})
	_, err = w.s.Tolerate(w.ctx, scheduler.Order{Host: "h1", Device: h1.inv.Devices[0].UUID, By: "root"}, 1<<20)
	w.must(err)
	w.must(w.s.FoldUsage(w.ctx))

	c := &crowd{world: w, z: w.host("z", 2)}
	w.register("fay", local("predict")...)
	first := w.submit("zoe")
	c.lease = w.start(c.z.take(nil))
	c.mine = []scheduler.JobID{first, w.submit("zoe"), w.submit("zoe", soon)}
	return c
}

// breakages are ways to damage what is there, by name: each record, a member of each index and an entry
// of each log, but for what is of zoe or z.
func (c *crowd) breakages() map[string]func(*crowd) {
	c.Helper()
	found := map[string]func(*crowd){}
	_, err := c.st.(store.Snapshots).Snapshot(c.ctx, func(op store.Op) error {
		key, value := string(op.Key), bytes.Clone(op.Value)
		switch {
		case c.concerns(key, value) || key == "spec:epoch" || key == "spec:schema": // which are of the whole store
		case op.Kind == store.OpPut:
			found[key] = func(c *crowd) { c.forge(key, value[:len(value)/2]) }
		case op.Kind == store.OpIndex:
			flipped := bytes.Clone(value)
			flipped[0] ^= 1
			found[key+" cut"] = func(c *crowd) { c.change(store.Unindex(key, value), store.Index(key, value[:1])) }
			found[key+" flipped"] = func(c *crowd) { c.change(store.Unindex(key, value), store.Index(key, flipped)) }
		case op.Kind == store.OpAppend:
			found[key+" entry"] = func(c *crowd) { c.change(store.Append(key, value[:len(value)/2], 1<<20)) }
		}
		return nil
	})
	c.must(err)
	return found
}

func (c *crowd) concerns(key string, member []byte) bool {
	for _, id := range c.mine {
		if key == liveKey(id) || key == specKey(id) || bytes.HasSuffix(member, binary.BigEndian.AppendUint64(nil, uint64(id))) {
			return true
		}
	}
	return strings.Contains(key, ":zoe") || strings.HasSuffix(key, ":z") || strings.Contains(key, "GPU-z-") ||
		string(member) == "z" || bytes.Contains(member, []byte("zoe"))
}

// takeAll has z run, as an agent does, what it may, until nothing is left that it gets.
func (c *crowd) takeAll() {
	c.Helper()
	for range 50 {
		choice, won := c.z.choose(map[string]bool{c.z.inv.Devices[0].UUID: true}), false
		for _, next := range append([]scheduler.Choice{choice}, choice.Next...) {
			if next.Kind != scheduler.ChoiceRun {
				continue
			}
			if claimed, err := c.z.claim(next); err == nil {
				c.succeed(c.start(claimed))
				won = true
				break
			}
		}
		if !won {
			return
		}
	}
	c.Error("z has never done with its work")
}

// TestAnyOneDamaged: whatever single thing of the store cannot be read any more, those who have nothing
// to do with it go on, and an admin sees what there is.
func TestAnyOneDamaged(t *testing.T) {
	for name := range newCrowd(t).breakages() {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t)
			c.breakages()[name](c)
			c.goesOn()
			c.isSeen()
		})
	}
}

// TestAnyOneVersionDamaged: so it is where the version of a record is what cannot be read.
func TestAnyOneVersionDamaged(t *testing.T) {
	shared := redistest.Shared(t)
	crowd := func(t *testing.T) (*crowd, string) {
		namespace := redistest.Namespace(t)
		st, err := redisstore.Open(t.Context(), shared.URL(namespace))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return crowdIn(worldOn(t, st, scheduler.Timing{})), namespace
	}
	first, _ := crowd(t)
	for name := range first.breakages() {
		if strings.Contains(name, " ") {
			continue // no record
		}
		t.Run(name, func(t *testing.T) {
			c, namespace := crowd(t)
			if said := shared.Say(t, "SETRANGE mlq:{"+namespace+"}:"+name+" 0 x"); !strings.HasPrefix(said, ":") {
				t.Fatal(said)
			}
			c.goesOn()
			c.isSeen()
		})
	}
}

// goesOn: the jobs of zoe run on z, and the loops go round.
func (c *crowd) goesOn() {
	c.Helper()
	<-time.After(30 * time.Millisecond)
	for what, err := range map[string]error{
		"promote": c.s.PromoteOnce(c.ctx), "usage": c.s.FoldUsage(c.ctx), "drains": keepDrains(c), "check": check(c), "reap": reap(c), "callbacks": dueCallbacks(c),
		"report": c.s.Report(c.ctx, "z", c.z.epoch, c.z.inv),
	} {
		if err != nil {
			c.Errorf("%s: %v", what, err)
		}
	}
	if r := c.z.renew(c.lease); len(r.Answers) != 1 || r.Answers[0].Gone {
		c.Errorf("the lease of z is answered %+v", r)
	}
	c.succeed(c.lease)
	c.takeAll()
	for _, id := range c.mine {
		c.wantState(id, scheduler.Succeeded)
	}
	late := c.host("zz", 1)
	c.submit("zoe")
	c.succeed(c.start(late.take(nil)))
}

func reap(c *crowd) error {
	var r scheduler.Reaper
	_, err := c.s.Reap(c.ctx, &r, func() time.Duration { return 0 })
	return err
}

func dueCallbacks(c *crowd) error { _, _, err := c.s.DueCallbacks(c.ctx, nil, 10); return err }
func keepDrains(c *crowd) error   { _, err := c.s.KeepDrains(c.ctx); return err }
func check(c *crowd) error        { _, err := c.s.Check(c.ctx); return err }

// isSeen: what lists show.
func (c *crowd) isSeen() {
	c.Helper()
	_, _, jobs := c.s.Jobs(c.ctx, scheduler.Filter{})
	_, hosts := c.s.Hosts(c.ctx)
	_, leases := c.s.Leases(c.ctx)
	_, count := c.s.JobCount(c.ctx)
	_, queue := c.s.Queue(c.ctx, 10)
	_, consumers := c.s.Consumers(c.ctx, "")
	_, usage := c.s.Usage(c.ctx, time.Now())
	_, events := c.s.Events(c.ctx, store.EntryID{}, 100)
	for what, err := range map[string]error{
		"jobs": jobs, "hosts": hosts, "leases": leases, "count": count, "queue": queue, "consumers": consumers, "usage": usage, "events": events,
	} {
		if err != nil {
			c.Errorf("%s: %v", what, err)
		}
	}
}
