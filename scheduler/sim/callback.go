package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// sending is what a server believes to have: the right to send a callback.
type sending struct {
	taken int
	until time.Time // nobody else may have it before, by the store's clock: it decides alone, as a callback may come twice
}

// told is what became of a job's callback outside the store.
type told struct {
	requests int  // that reached the application
	recorded bool // a server was told that its try is on record as delivered
}

// callbackSteps lists what servers do about callbacks. A server that took one may
// be slow or dead: its request goes out, and is recorded, whenever that comes.
func (w *World) callbackSteps() []step {
	var out []step
	if w.Limits.Callbacks == 0 {
		return nil
	}
	for _, id := range w.live {
		if w.used.Callbacks < w.Limits.Callbacks {
			for _, how := range w.fates() {
				out = append(out, step{how.of(fmt.Sprintf("a server takes the callback of %d", id)), func(w *World) {
					w.takeCallback(id, how)
				}})
			}
		}
		for i := range w.sends[id] {
			for _, how := range w.fates() {
				out = append(out, step{how.of(fmt.Sprintf("server %d records the callback of %d", i, id)), func(w *World) {
					w.endCallback(id, i, how)
				}})
			}
		}
	}
	return out
}

func (w *World) takeCallback(id scheduler.JobID, how fate) {
	job, ok, err := w.scheduler("callback", how).TakeCallback(ctx, id)
	if err != nil || !ok {
		return // on its way, or nothing to send
	}
	w.used.Callbacks++
	for _, other := range w.sends[id] {
		if w.now().Before(other.until) && w.losses == 0 {
			w.fall("promise 8: two servers have the callback of job %d", id)
		}
	}
	if w.told[id].recorded && w.losses == 0 {
		w.fall("promise 8: the callback of job %d is sent again after it was recorded", id)
	}
	w.sends = with(w.sends, id, append(slices.Clip(w.sends[id]), sending{job.Callback.Taken, w.now().Add(3 * w.Timing.CallbackTry)}))
	w.told = with(w.told, id, told{w.told[id].requests + 1, w.told[id].recorded})
}

func (w *World) endCallback(id scheduler.JobID, i int, how fate) {
	sent := w.sends[id][i]
	w.sends = with(w.sends, id, append(w.sends[id][:i:i], w.sends[id][i+1:]...))
	after, err := w.scheduler("callback", how).EndCallback(ctx, id, sent.taken, scheduler.CallbackTry{Delivered: true, Text: "200"})
	if err == nil && after.State == scheduler.CallbackDelivered {
		w.told = with(w.told, id, told{w.told[id].requests, true})
	}
}

// callbacksStay: what is on record as delivered stays so, and was sent.
func (w *World) callbacksStay(jobs map[scheduler.JobID]*scheduler.Job) {
	for id, t := range w.told {
		j := jobs[id]
		if j == nil || w.losses > 0 {
			continue
		}
		switch {
		case t.recorded && j.Callback.State != scheduler.CallbackDelivered:
			w.fall("promise 8: the callback of job %d was delivered and is %q now", id, j.Callback.State)
		case j.Callback.State == scheduler.CallbackDelivered && t.requests == 0:
			w.fall("promise 8: the callback of job %d is delivered and was never sent", id)
		}
	}
}
