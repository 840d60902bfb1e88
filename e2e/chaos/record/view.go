package record

import (
	"time"

	"github.com/mlq-dev/mlq/api"
)

// View is a job as the API shows it, as a line.
func View(j *api.Job) Job {
	out := Job{
		ID: int64(j.ID), Name: j.Name, State: string(j.State), Reason: string(j.Reason), Cancelled: j.CancelRequested,
		RequeueOf: int64(j.RequeueOf), RequeuedAs: int64(j.RequeuedAs), Attempts: make([]Attempt, len(j.Attempts)),
	}
	if j.ShortResult != nil {
		out.Result = *j.ShortResult
	}
	for i, a := range j.Attempts {
		out.Attempts[i] = Attempt{
			N: a.N, Fence: a.Fence, Host: a.Host, Devices: a.Devices, Outcome: string(a.Outcome), Cause: a.Cause,
			ClaimedNS: unix(a.Claimed), StartedNS: unix(a.Started), EndedNS: unix(a.Ended),
		}
	}
	return out
}

// Saw fills in what an answer told of a job.
func (o *Op) Saw(j *api.Job) {
	v := View(j)
	if v.ID != o.Job {
		o.Shown = v.ID
	}
	o.State, o.Result, o.Attempts = v.State, v.Result, len(v.Attempts)
	if n := len(v.Attempts); n > 0 {
		o.Fence = v.Attempts[n-1].Fence
	}
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
