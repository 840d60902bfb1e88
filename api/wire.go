package api

import (
	"encoding/json"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// Job is a job as JSON shows it: the predecessor's names first, with times in
// Unix seconds, then ours.
type Job struct {
	ID                 scheduler.JobID `json:"id"`
	Timestamp          float64         `json:"timestamp"`
	Worker             *string         `json:"worker"` // "host/device"
	ProcessingStarted  *float64        `json:"processing_started"`
	ProcessingFinished *float64        `json:"processing_finished"`
	Progress           json.RawMessage `json:"progress"` // null, 0, -1, 100, or what was reported
	ShortResult        *string         `json:"short_result"`
	Result             json.RawMessage `json:"result"` // null, or a small value of one job; /result has every one
	Callback           *string         `json:"callback"`
	Retries            int             `json:"retries"` // so far
	Functions          []string        `json:"functions"`
	Msg                json.RawMessage `json:"msg"`

	// CallbackState is how far the callback is; none without one.
	CallbackState *CallbackState `json:"callback_state,omitempty"`

	// ProgressText is the progress in words, as GET /jobs/{id}/progress answers it.
	ProgressText string `json:"progress_text"`

	State     scheduler.State  `json:"state"`
	Reason    scheduler.Reason `json:"reason,omitempty"`
	Detail    string           `json:"detail,omitempty"`
	User      string           `json:"user"`
	Name      string           `json:"name,omitempty"`
	Function  string           `json:"function,omitempty"`
	Priority  int              `json:"priority"`
	GPUs      int              `json:"gpus"`
	Class     string           `json:"class,omitempty"`
	Submitted time.Time        `json:"submitted"`
	QueuedAt  time.Time        `json:"queued_at,omitzero"`
	NotBefore time.Time        `json:"not_before,omitzero"`
	ExpiresAt time.Time        `json:"expires_at,omitzero"`
	EndedAt   time.Time        `json:"ended_at,omitzero"`

	// ResultTTLSeconds is how long it is kept after its end; absent: for ever.
	ResultTTLSeconds float64 `json:"result_ttl_s,omitempty"`
	TimeoutSeconds   float64 `json:"timeout_s,omitempty"`
	// TimeoutFrom says whose limit that is: "request", "server-default", "server-max" or "user-max".
	TimeoutFrom string `json:"timeout_from,omitempty"`
	// Hold: nothing runs; its user works on the devices by hand, for the time limit.
	Hold        bool              `json:"hold,omitempty"`
	RetriesLeft int               `json:"retries_left"`
	Losses      int               `json:"losses,omitempty"`
	Releases    int               `json:"releases,omitempty"`
	After       []scheduler.JobID `json:"after,omitempty"`
	// Awaits are functions that a waiting message is for and that are not registered;
	// "*": there is none at all.
	Awaits          []string `json:"awaits,omitempty"`
	CancelRequested bool     `json:"cancel_requested,omitempty"`
	CancelBy        string   `json:"cancel_by,omitempty"` // who, and why
	// CancelThen is "requeue" where the job is to stop here and to wait again.
	CancelThen string `json:"cancel_then,omitempty"`
	// Closing: where it runs is closed by a deadline, and it is stopped then.
	Closing      *Closing        `json:"closing,omitempty"`
	RequeueOf    scheduler.JobID `json:"requeue_of,omitempty"`
	RequeuedAs   scheduler.JobID `json:"requeued_as,omitempty"`
	LogBytes     int64           `json:"log_bytes"`
	Lease        *Lease          `json:"lease,omitempty"`
	Attempts     []Attempt       `json:"attempts"`
	ResultInfo   *ResultInfo     `json:"result_info,omitempty"`
	Position     int             `json:"position,omitempty"` // of a queued job, from 1
	PositionOver bool            `json:"position_over,omitempty"`
	// EnvVars are names; the values are shown to nobody.
	EnvVars []string `json:"env_vars,omitempty"`
	// Secrets are the variables that are secrets, with the secrets' names.
	Secrets map[string]string `json:"secrets,omitempty"`
}

// Attempt is one try to run a job.
type Attempt struct {
	N       int      `json:"n"`
	Fence   uint64   `json:"fence,string"`
	Host    string   `json:"host"`
	Devices []string `json:"devices"`
	// Simulated: on simulated devices.
	Simulated bool              `json:"simulated,omitempty"`
	Claimed   time.Time         `json:"claimed"`
	Started   time.Time         `json:"started,omitzero"`
	Ended     time.Time         `json:"ended,omitzero"`
	Outcome   scheduler.Outcome `json:"outcome,omitempty"`
	Cause     string            `json:"cause,omitempty"`
	ExitCode  int               `json:"exit_code"`
	Signal    string            `json:"signal,omitempty"`
	WorkDir   string            `json:"workdir,omitempty"`
	// WorkBytes is what the files there held when the attempt ended.
	WorkBytes int64 `json:"workdir_bytes,omitempty"`
}

// ResultInfo describes a result without its bytes.
type ResultInfo struct {
	SHA256    string `json:"sha256"` // of the envelope
	Size      int64  `json:"size"`   // bytes of the envelope
	FileCount int    `json:"file_count"`
}

// Lease is the right of a job to its devices.
type Lease struct {
	Job        scheduler.JobID `json:"job"`
	Name       string          `json:"name,omitempty"`
	User       string          `json:"user"`
	Host       string          `json:"host"`
	Devices    []string        `json:"devices"`
	Simulated  bool            `json:"simulated,omitempty"` // the devices are
	Since      time.Time       `json:"since"`
	Renewed    time.Time       `json:"renewed,omitzero"`
	LeaseUntil time.Time       `json:"lease_until,omitzero"`
	EndsBy     time.Time       `json:"ends_by,omitzero"` // start + time limit
	Hold       bool            `json:"hold,omitempty"`   // its user works on the devices by hand
	State      scheduler.State `json:"state"`
	Attempt    int             `json:"attempt"`
	BlockedOn  scheduler.JobID `json:"blocked_on,omitempty"` // the job whose result is all that it waits for
	// ServedBy is the job in which the consumer of host runs; absent: it is none, or runs elsewhere.
	ServedBy scheduler.JobID `json:"served_by,omitempty"`
}

// wireJob shows what a job's record says.
func wireJob(j *scheduler.Job) Job {
	w := Job{
		ID: j.ID, Timestamp: seconds(j.Submitted), Retries: j.Failures + j.Losses,
		Functions: []string{}, Msg: json.RawMessage("null"),
		State: j.State, Reason: j.Reason, Detail: j.Detail, User: j.User, Name: j.Name, Priority: j.Priority,
		GPUs: j.Devices, Class: j.Class, Submitted: j.Submitted, QueuedAt: j.QueuedAt, NotBefore: j.NotBefore,
		ExpiresAt: j.ExpiresAt, EndedAt: j.EndedAt, ResultTTLSeconds: j.ResultTTL.Seconds(), TimeoutSeconds: j.Timeout.Seconds(), TimeoutFrom: timeoutFrom(j), Hold: j.Hold, RetriesLeft: j.Retries,
		Losses: j.Losses, Releases: j.Releases, After: j.After, CancelRequested: j.CancelRequested, CancelBy: j.CancelBy, CancelThen: j.CancelThen,
		RequeueOf: j.RequeueOf, RequeuedAs: j.RequeuedAs, LogBytes: j.LogBytes, Attempts: wireAttempts(j.Attempts),
	}
	w.progress(j)
	w.callback(j)
	if j.State == scheduler.Scheduled {
		w.Awaits = j.Awaits
	}
	if a := j.Attempt(); a != nil {
		w.attempt(j, a)
	}
	if j.State == scheduler.Succeeded {
		w.ShortResult = &j.Result.Short
	}
	if j.Result.SHA256 != "" || j.Result.FileCount > 0 {
		w.ResultInfo = &ResultInfo{SHA256: j.Result.SHA256, Size: j.Result.Size, FileCount: j.Result.FileCount}
	}
	if j.State.Final() {
		w.ProcessingFinished = secondsPtr(j.EndedAt)
	}
	return w
}

// progress fills in how far it is.
func (w *Job) progress(j *scheduler.Job) {
	p := progressOf(j)
	w.Progress, w.ProgressText = json.RawMessage(p.value), p.text
}

// timeoutFrom says whose time limit a job has.
func timeoutFrom(j *scheduler.Job) string {
	switch {
	case j.Timeout == 0:
		return ""
	case j.TimeoutFrom == scheduler.FromRequest:
		return "request"
	}
	return string(j.TimeoutFrom)
}

// attempt fills in what the last attempt says.
func (w *Job) attempt(j *scheduler.Job, a *scheduler.Attempt) {
	worker := a.Host
	if len(a.Devices) > 0 {
		worker += "/" + a.Devices[0]
	}
	w.Worker = &worker
	w.ProcessingStarted = secondsPtr(a.Started)
	if j.State.Active() {
		w.Closing = closingOf(j)
		w.Lease = &Lease{
			Job: j.ID, Name: j.Name, User: j.User, Host: a.Host, Devices: a.Devices, Simulated: gpu.AnySimulated(a.Devices), Since: a.Claimed,
			EndsBy: a.EndsBy(j.Timeout), Hold: j.Hold, State: j.State, Attempt: a.N,
		}
	}
}

func wireAttempts(attempts []scheduler.Attempt) []Attempt {
	all := make([]Attempt, len(attempts))
	for i, a := range attempts {
		all[i] = Attempt{
			N: a.N, Fence: a.Fence, Host: a.Host, Devices: a.Devices, Simulated: gpu.AnySimulated(a.Devices), Claimed: a.Claimed, Started: a.Started,
			Ended: a.Ended, Outcome: a.Outcome, Cause: a.Cause, ExitCode: a.ExitCode, Signal: a.Signal, WorkDir: a.WorkDir, WorkBytes: a.WorkBytes,
		}
	}
	return all
}

func wireLease(l scheduler.Lease) Lease {
	return Lease{
		Job: l.Job, Name: l.Name, User: l.User, Host: l.Host, Devices: l.Devices, Simulated: gpu.AnySimulated(l.Devices), Since: l.Since,
		Renewed: l.Renewed, LeaseUntil: l.LeaseUntil, EndsBy: l.EndsBy, Hold: l.Hold, State: l.State, Attempt: l.Attempt, BlockedOn: l.BlockedOn,
	}
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

func secondsPtr(t time.Time) *float64 {
	if t.IsZero() {
		return nil
	}
	s := seconds(t)
	return &s
}
