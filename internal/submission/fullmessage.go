package submission

import (
	"encoding/json"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// Running is what a function may know of its job beside the message.
type Running struct {
	ID        scheduler.JobID
	Submitted time.Time
	Started   time.Time // when the call was handed over
	Worker    string    // who runs it
	Attempt   int       // from 1
}

// FullMessage is what a function finds as full_message, under the names that its
// users know; p may be nil where only the job is known.
func (p *Parsed) FullMessage(r Running) json.RawMessage {
	m := map[string]any{
		"id": r.ID, "timestamp": seconds(r.Submitted), "worker": r.Worker, "retries": r.Attempt - 1,
		"processing_started": seconds(r.Started), "processing_finished": nil, "progress": 0, "short_result": nil, "result": nil,
	}
	if p != nil {
		m["functions"], m["callback"] = p.Call.Functions, nil
		if p.Callback != "" {
			m["callback"] = p.Callback
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic("submission: full message: " + err.Error()) // numbers and strings only
	}
	return text
}

// seconds since 1970.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
