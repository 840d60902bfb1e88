package callback

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler"
)

// round is what is under way; only Run's goroutine has it.
type round struct {
	sender *Sender
	jobs   map[scheduler.JobID]string // by job, whose it is
	users  map[string]int             // how many of each user's
	ended  chan scheduler.JobID
	after  []byte // where the next look begins; nil: with the longest waiting
	found  int    // since the last look that began there
}

// look begins what can be sent now and has room, the longest waiting first,
// but of nobody more than the rest has to wait for. Where there is more than one look
// goes through, the next goes on behind it: somebody's many do not hide those of others.
func (r *round) look(ctx context.Context) error {
	for range pages {
		due, next, err := r.sender.opts.Scheduler.DueCallbacks(ctx, r.after, pageSize)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, d := range due {
			r.begin(ctx, d)
		}
		r.found += len(due)
		if next == nil || len(r.jobs) == atOnce {
			r.sender.metrics.due.Set(float64(r.found))
			r.after, r.found = nil, 0
			return nil
		}
		r.after = next
	}
	return nil
}

func (r *round) begin(ctx context.Context, d scheduler.DueCallback) {
	if _, runs := r.jobs[d.Job]; runs || len(r.jobs) == atOnce || r.users[d.User] == atOnceOfUser {
		return
	}
	r.jobs[d.Job] = d.User
	r.users[d.User]++
	r.sender.metrics.underWay.Inc()
	go func() {
		defer func() { r.ended <- d.Job }() // it has room for all
		r.sender.one(ctx, d.Job)
	}()
}

func (r *round) end(id scheduler.JobID) {
	user := r.jobs[id]
	delete(r.jobs, id)
	if r.users[user]--; r.users[user] == 0 {
		delete(r.users, user)
	}
	r.sender.metrics.underWay.Dec()
}

// collect ends all that have ended.
func (r *round) collect() {
	for {
		select {
		case id := <-r.ended:
			r.end(id)
		default:
			return
		}
	}
}

// drain waits for what is under way.
func (r *round) drain() {
	for len(r.jobs) > 0 {
		r.end(<-r.ended)
	}
}
