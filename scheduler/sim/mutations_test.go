package sim_test

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/mlq-dev/mlq/scheduler/sim"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// blind takes the cancel flag out of what one operation reads.
func blind(op string) func(string, store.Query, *store.Answer) {
	return func(doing string, q store.Query, a *store.Answer) {
		for i, key := range q.Keys {
			if doing == op && strings.HasPrefix(key, "live:job:") {
				a.Records[i].Value = without(a.Records[i].Value, "cr")
			}
		}
	}
}

// noGuardOnTake lets a server take a callback from a record that has changed since.
// The commits that record a try have an event, and cannot lose their guard.
func noGuardOnTake(op string, s *sim.Store, c *store.Commit) {
	if !slices.ContainsFunc(c.Effects, func(e store.Effect) bool { return e.Kind == store.EffectNotify }) {
		noGuard("callback", "live:job:")(op, s, c)
	}
}

// noHoldOff takes the hold-off out of the epoch's record.
func noHoldOff(_ string, q store.Query, a *store.Answer) {
	if i := slices.Index(q.Keys, "spec:epoch"); i >= 0 {
		a.Records[i].Value = without(without(a.Records[i].Value, "h"), "o")
	}
}

// noJump takes the million ids out of an adoption.
func noJump(_ string, _ *sim.Store, c *store.Commit) {
	c.Effects = slices.DeleteFunc(slices.Clone(c.Effects), func(e store.Effect) bool {
		return e.Kind == store.EffectAdd && e.Key == "spec:ids" || e.Kind == store.EffectPut && e.Key == "spec:gaps"
	})
	for i, e := range c.Effects { // nor does anybody know where ids go on
		if e.Kind == store.EffectPut && e.Key == "spec:epoch" {
			c.Effects[i].Value = firstID.ReplaceAll(e.Value, nil)
		}
	}
}

var firstID = regexp.MustCompile(`,"f":\d+`)

// noGuard takes the guards on some keys out of what one operation commits.
func noGuard(op, prefix string) func(string, *sim.Store, *store.Commit) {
	return func(doing string, _ *sim.Store, c *store.Commit) {
		if doing == op {
			c.Guards = slices.DeleteFunc(slices.Clone(c.Guards), func(g store.Guard) bool {
				return strings.HasPrefix(g.Key, prefix)
			})
		}
	}
}

// countFences makes the fence of a claim one more than the last of the job and
// its devices, as a plain counter in the store would.
func countFences(op string, s *sim.Store, c *store.Commit) { fenceAbove(0, op, s, c) }

// closeFences makes it one more than these and the time: two claims that follow the same
// one may get the same, as nothing of their own is in it.
func closeFences(op string, s *sim.Store, c *store.Commit) {
	a, err := s.Read(context.Background(), store.Query{})
	if err != nil {
		panic(err)
	}
	fenceAbove(uint64(a.Now.UnixMicro()), op, s, c)
}

func fenceAbove(last uint64, op string, s *sim.Store, c *store.Commit) {
	if op != "claim" {
		return
	}
	for _, e := range c.Effects {
		last = max(last, lastFence(s, e.Key))
	}
	c.Effects = slices.Clone(c.Effects)
	for i, e := range c.Effects {
		if e.Kind == store.EffectPut {
			c.Effects[i].Value = withFence(e.Value, last+1)
		}
	}
}

func lastFence(s *sim.Store, key string) uint64 {
	a, err := s.Read(context.Background(), store.Query{Keys: []string{key}})
	if err != nil {
		panic(err)
	}
	var r struct {
		F uint64 `json:"f"`
		A []struct {
			F uint64 `json:"f"`
		} `json:"a"`
	}
	if len(a.Records[0].Value) == 0 || json.Unmarshal(a.Records[0].Value, &r) != nil {
		return 0
	}
	for _, attempt := range r.A {
		r.F = max(r.F, attempt.F)
	}
	return r.F
}

func withFence(value []byte, fence uint64) []byte {
	return edit(value, func(r map[string]any) {
		if _, device := r["f"]; device {
			r["f"] = fence
		}
		if attempts, ok := r["a"].([]any); ok {
			attempts[len(attempts)-1].(map[string]any)["f"] = fence
		}
	})
}

func without(value []byte, field string) []byte {
	return edit(value, func(r map[string]any) { delete(r, field) })
}

// edit changes a JSON record.
func edit(value []byte, change func(map[string]any)) []byte {
	if len(value) == 0 {
		return value
	}
	d := json.NewDecoder(strings.NewReader(string(value)))
	d.UseNumber()
	var r map[string]any
	if err := d.Decode(&r); err != nil {
		panic(err)
	}
	change(r)
	out, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return out
}

// noEffect takes what an operation does to a key out of its commits.
func noEffect(op, key string) func(string, *sim.Store, *store.Commit) {
	return func(which string, _ *sim.Store, c *store.Commit) {
		if which == op {
			c.Effects = slices.DeleteFunc(slices.Clone(c.Effects), func(e store.Effect) bool { return e.Key == key })
		}
	}
}

// looseStrike strikes a user off the list of those who registered functions, whatever
// was registered since.
func looseStrike(doing string, s *sim.Store, c *store.Commit) {
	if len(c.Effects) == 1 && c.Effects[0].Kind == store.EffectUnindex && c.Effects[0].Key == "spec:registered" {
		noGuard(doing, "spec:functions:")(doing, s, c)
	}
}
