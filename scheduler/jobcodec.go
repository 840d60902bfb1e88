package scheduler

import (
	"encoding/json"
	"fmt"
	"time"
)

// encodeJob gives the live record of a job, without its ID and Version.
func encodeJob(j *Job) []byte {
	r := jobRecord{
		State: stateLetters[j.State], Reason: j.Reason, Detail: j.Detail,
		User: j.User, Unix: packUnix(j), Name: j.Name, Class: packClass(j.Class), Shared: j.Shared,
		Priority: j.Priority, Devices: packOne(j.Devices), Numbers: packNumbers(j),
		QueuedAt:  packQueued(j),
		NotBefore: stamp(j.NotBefore), ExpiresAt: stamp(j.ExpiresAt), EndedAt: stamp(j.EndedAt),
		Timeout: packTimeout(j), InQueue: j.QueueTimeout.Microseconds(), Grace: packGrace(j.Grace), Retries: j.Retries,
		Failures: j.Failures, Losses: j.Losses, Releases: j.Releases,
		Keep: j.KeepOnPartition, ResultTTL: j.ResultTTL.Microseconds(), Hold: j.Hold,
		Message: j.Message, Functions: j.Functions, Awaits: j.Awaits, Asked: packClass(j.Asked),
		After: j.After, Pending: j.Pending, Followed: j.HasDependents,
		Cancel: j.CancelRequested, CancelBy: j.CancelBy, CancelThen: j.CancelThen,
		Progress: j.Progress, LogBytes: j.LogBytes, RequeueOf: j.RequeueOf, RequeuedAs: j.RequeuedAs,
		Callback: packCallback(&j.Callback),
	}
	for host, until := range j.Avoid {
		if r.Avoid == nil {
			r.Avoid = make(map[string]int64, len(j.Avoid))
		}
		r.Avoid[host] = stamp(until)
	}
	for i := range j.Attempts {
		r.Attempts = append(r.Attempts, packAttempt(&j.Attempts[i]))
	}
	if j.Result != (Result{}) {
		res := resultRecord(j.Result)
		r.Result = &res
	}
	return encode(r)
}

// damagedJob has what a guard on the record needs, as the check's.
func damagedJob(id JobID, version uint64, b []byte, why error) (Job, error) {
	return Job{ID: id, Version: version}, &DamagedError{Job: id, Version: version, What: "its record", Record: b, Why: why}
}

// decodeJob reads a live record. Errors: a DamagedError, with the number and the version of the job.
func decodeJob(id JobID, version uint64, b []byte) (Job, error) {
	var r jobRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return damagedJob(id, version, b, err)
	}
	n, err := unpackNumbers(r.Numbers)
	if err != nil {
		return damagedJob(id, version, b, err)
	}
	state, known := lettersState[r.State]
	if !known { // it would be written back as queued
		return damagedJob(id, version, b, fmt.Errorf("state %.8q", r.State))
	}
	j := Job{
		ID: id, Version: version, State: state, Reason: r.Reason, Detail: r.Detail,
		User: r.User, Unix: r.Unix, Name: r.Name, Class: unpackClass(r.Class), Shared: r.Shared,
		Priority: r.Priority, Devices: max(r.Devices, 1), Rank: n.rank, Epoch: n.epoch,
		Submitted: n.submitted, QueuedAt: unpackQueued(r.QueuedAt, n.submitted),
		NotBefore: unstamp(r.NotBefore), ExpiresAt: unstamp(r.ExpiresAt), EndedAt: unstamp(r.EndedAt),
		Timeout: n.limit + micros(r.Timeout), TimeoutFrom: n.from, QueueTimeout: micros(r.InQueue), Grace: unpackGrace(r.Grace), Retries: r.Retries,
		Failures: r.Failures, Losses: r.Losses, Releases: r.Releases,
		KeepOnPartition: r.Keep, ResultTTL: micros(r.ResultTTL), Hold: r.Hold,
		Message: r.Message, Functions: r.Functions, Awaits: r.Awaits, Asked: unpackAsked(r.Asked, r.Class),
		After: r.After, Pending: r.Pending, HasDependents: r.Followed,
		CancelRequested: r.Cancel, CancelBy: r.CancelBy, CancelThen: r.CancelThen,
		Progress: r.Progress, LogBytes: r.LogBytes, RequeueOf: r.RequeueOf, RequeuedAs: r.RequeuedAs,
		Callback: unpackCallback(r.Callback),
	}
	if r.Unix == "=" {
		j.Unix = r.User
	}
	for host, until := range r.Avoid {
		if j.Avoid == nil {
			j.Avoid = make(map[string]time.Time, len(r.Avoid))
		}
		j.Avoid[host] = unstamp(until)
	}
	for i := range r.Attempts {
		j.Attempts = append(j.Attempts, unpackAttempt(&r.Attempts[i]))
	}
	if r.Result != nil {
		j.Result = Result(*r.Result)
	}
	return j, nil
}

func packAttempt(a *Attempt) attemptRecord {
	return attemptRecord{
		N: a.N, Fence: a.Fence, ClaimID: a.ClaimID, Host: a.Host, Epoch: a.Epoch, Devices: a.Devices,
		Token: a.TokenSHA256, Claimed: stamp(a.Claimed), Started: stamp(a.Started), Ended: stamp(a.Ended),
		Outcome: a.Outcome, Cause: a.Cause, ExitCode: a.ExitCode, Signal: a.Signal, WorkDir: a.WorkDir, WorkBytes: a.WorkBytes,
		Closing: packClosing(&a.Closing), Blocked: a.BlockedOn,
	}
}

func unpackAttempt(r *attemptRecord) Attempt {
	return Attempt{
		N: r.N, Fence: r.Fence, ClaimID: r.ClaimID, Host: r.Host, Epoch: r.Epoch, Devices: r.Devices,
		TokenSHA256: r.Token, Claimed: unstamp(r.Claimed), Started: unstamp(r.Started), Ended: unstamp(r.Ended),
		Outcome: r.Outcome, Cause: r.Cause, ExitCode: r.ExitCode, Signal: r.Signal, WorkDir: r.WorkDir, WorkBytes: r.WorkBytes,
		Closing: unpackClosing(r.Closing), BlockedOn: r.Blocked,
	}
}

func packClosing(c *Closing) *closingRecord {
	if *c == (Closing{}) {
		return nil
	}
	return &closingRecord{At: stamp(c.At), What: c.What, By: c.By, Then: c.Then}
}

func unpackClosing(r *closingRecord) Closing {
	if r == nil {
		return Closing{}
	}
	return Closing{At: unstamp(r.At), What: r.What, By: r.By, Then: r.Then}
}

func packCallback(c *Callback) *callbackRecord {
	if c.URL == "" {
		return nil
	}
	r := &callbackRecord{URL: c.URL, State: c.State, Taken: c.Taken, Held: c.Held, Next: stamp(c.Next), Why: c.Why}
	for _, t := range c.Tries {
		r.Tries = append(r.Tries, triedRecord{stamp(t.At), t.Text})
	}
	return r
}

func unpackCallback(r *callbackRecord) Callback {
	if r == nil {
		return Callback{}
	}
	c := Callback{URL: r.URL, State: r.State, Taken: r.Taken, Held: r.Held, Next: unstamp(r.Next), Why: r.Why}
	for _, t := range r.Tries {
		c.Tries = append(c.Tries, TriedCallback{unstamp(t.At), t.Text})
	}
	return c
}
