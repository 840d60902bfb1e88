package scheduler

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Records are compact JSON: short names, nothing that is its default, times in
// whole microseconds since 1970. A queued job of defaults takes about 60 bytes.

// defaultGrace holds where a request names none.
const defaultGrace = 10 * time.Second

type jobRecord struct {
	State    string `json:"s,omitempty"` // stateLetters; "" is queued
	Reason   Reason `json:"w,omitempty"`
	Detail   string `json:"d,omitempty"`
	User     string `json:"u"`
	Unix     string `json:"x,omitempty"` // "=": as the user
	Name     string `json:"n,omitempty"`
	Class    string `json:"c,omitempty"` // "" is classAny
	Shared   bool   `json:"o,omitempty"`
	Priority int    `json:"p,omitempty"`
	Devices  int    `json:"g,omitempty"` // 0 is 1
	Numbers  string `json:"i,omitempty"` // that every job has (packNumbers)

	QueuedAt  int64 `json:"tq,omitempty"` // 0: when submitted; -1: never
	NotBefore int64 `json:"tb,omitempty"`
	ExpiresAt int64 `json:"tx,omitempty"`
	EndedAt   int64 `json:"te,omitempty"`

	Timeout   int64            `json:"lt,omitempty"` // µs
	InQueue   int64            `json:"lq,omitempty"` // µs
	Grace     int64            `json:"lg,omitempty"` // µs; 0 is defaultGrace, -1 none
	Retries   int              `json:"lr,omitempty"`
	Failures  int              `json:"nf,omitempty"`
	Losses    int              `json:"nl,omitempty"`
	Releases  int              `json:"nr,omitempty"`
	Keep      bool             `json:"kp,omitempty"`
	ResultTTL int64            `json:"rt,omitempty"` // µs
	Hold      bool             `json:"hd,omitempty"`
	Message   bool             `json:"m,omitempty"`
	Functions []string         `json:"fn,omitempty"`
	Awaits    []string         `json:"aw,omitempty"`
	Asked     string           `json:"ac,omitempty"` // "" is classAny, of what consumers take
	After     []JobID          `json:"af,omitempty"`
	Pending   []JobID          `json:"ap,omitempty"`
	Followed  bool             `json:"fd,omitempty"`
	Avoid     map[string]int64 `json:"av,omitempty"`

	Cancel     bool   `json:"cr,omitempty"`
	CancelBy   string `json:"cb,omitempty"`
	CancelThen string `json:"ct,omitempty"`

	Progress string `json:"pr,omitempty"`
	LogBytes int64  `json:"lb,omitempty"`

	RequeueOf  JobID `json:"ro,omitempty"`
	RequeuedAs JobID `json:"ra,omitempty"`

	Callback *callbackRecord `json:"cl,omitempty"`

	Attempts []attemptRecord `json:"a,omitempty"`
	Result   *resultRecord   `json:"v,omitempty"`
}

type attemptRecord struct {
	N         int      `json:"n"`
	Fence     uint64   `json:"f"`
	ClaimID   string   `json:"c,omitempty"`
	Host      string   `json:"h"`
	Epoch     uint64   `json:"e,omitempty"`
	Devices   []string `json:"d,omitempty"`
	Token     []byte   `json:"k,omitempty"`
	Claimed   int64    `json:"tc,omitempty"`
	Started   int64    `json:"ts,omitempty"`
	Ended     int64    `json:"te,omitempty"`
	Outcome   Outcome  `json:"o,omitempty"`
	Cause     string   `json:"w,omitempty"`
	ExitCode  int      `json:"x,omitempty"`
	Signal    string   `json:"s,omitempty"`
	WorkDir   string   `json:"wd,omitempty"`
	WorkBytes int64    `json:"wb,omitempty"`

	Closing *closingRecord `json:"q,omitempty"`
	Blocked JobID          `json:"b,omitempty"`
}

type closingRecord struct {
	At   int64  `json:"t"`
	What string `json:"w"`
	By   string `json:"b"`
	Then string `json:"a"`
}

type callbackRecord struct {
	URL   string        `json:"u"`
	State CallbackState `json:"s,omitempty"`
	Tries []triedRecord `json:"n,omitempty"`
	Taken int           `json:"k,omitempty"`
	Held  bool          `json:"h,omitempty"`
	Next  int64         `json:"t,omitempty"`
	Why   string        `json:"w,omitempty"`
}

type triedRecord struct {
	At   int64  `json:"t"`
	Text string `json:"w"`
}

type resultRecord struct {
	SHA256    string `json:"h,omitempty"`
	Size      int64  `json:"z,omitempty"`
	Inline    bool   `json:"i,omitempty"`
	Short     string `json:"s,omitempty"`
	Files     string `json:"f,omitempty"`
	FileCount int    `json:"n,omitempty"`
}

var stateLetters = map[State]string{
	Scheduled: "s", Queued: "", Leased: "l", Running: "r",
	Succeeded: "k", Failed: "f", Cancelled: "c",
}

var lettersState = func() map[string]State {
	m := make(map[string]State, len(stateLetters))
	for s, l := range stateLetters {
		m[l] = s
	}
	return m
}()

// stamp and unstamp turn times into microseconds and back; 0 is the zero time.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func unstamp(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

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

// decodeJob reads a live record.
func decodeJob(id JobID, version uint64, b []byte) (Job, error) {
	var r jobRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return Job{}, fmt.Errorf("decode job %d: %w", id, err)
	}
	n, err := unpackNumbers(r.Numbers)
	if err != nil {
		return Job{}, fmt.Errorf("decode job %d: %w", id, err)
	}
	j := Job{
		ID: id, Version: version, State: lettersState[r.State], Reason: r.Reason, Detail: r.Detail,
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

func packUnix(j *Job) string {
	if j.Unix != "" && j.Unix == j.User {
		return "="
	}
	return j.Unix
}

// packClass leaves out that one GPU is wanted, as most jobs do.
func packClass(class string) string {
	if rest, one := strings.CutPrefix(class, classAny); one && (rest == "" || rest[0] == ' ') {
		return strings.TrimPrefix(rest, " ")
	}
	return class
}

func unpackClass(class string) string {
	switch {
	case class == "":
		return classAny
	case strings.HasPrefix(class, "gpus="):
		return class
	}
	return classAny + " " + class
}

func unpackAsked(asked, class string) string {
	if asked == "" && !consumed(unpackClass(class)) {
		return ""
	}
	return unpackClass(asked)
}

func packOne(n int) int {
	if n == 1 {
		return 0
	}
	return n
}

func packQueued(j *Job) int64 {
	switch {
	case j.QueuedAt.IsZero():
		return -1
	case j.QueuedAt.Equal(j.Submitted):
		return 0
	}
	return stamp(j.QueuedAt)
}

func unpackQueued(us int64, submitted time.Time) time.Time {
	switch us {
	case -1:
		return time.Time{}
	case 0:
		return submitted
	}
	return unstamp(us)
}

// packTimeout is the limit that the job itself named.
func packTimeout(j *Job) int64 {
	if j.TimeoutFrom != FromRequest {
		return 0
	}
	return j.Timeout.Microseconds()
}

// packNumbers writes the numbers that every job has as RANK.EPOCH.SUBMITTED, or
// RANK.EPOCH.SUBMITTEDLIMIT, in base 36: with names of their own they would be half of a waiting job's record.
// The epoch is a time too, so that it is short as the ms from it to Submitted.
func packNumbers(j *Job) string {
	b := strconv.AppendUint(make([]byte, 0, 40), j.Rank, 36)
	b = strconv.AppendInt(append(b, '.'), j.Submitted.UnixMilli()-int64(j.Epoch), 36)
	point, limit := packLimit(j)
	return string(append(strconv.AppendInt(append(b, point), stamp(j.Submitted), 36), limit...))
}

// numbers are those that every job has.
type numbers struct {
	rank, epoch uint64
	submitted   time.Time
	limit       time.Duration // that the job did not name itself
	from        LimitFrom
}

func unpackNumbers(text string) (n numbers, err error) {
	rest, limit, from, err4 := cutLimit(text)
	parts := strings.Split(rest, ".")
	if len(parts) != 3 {
		return n, fmt.Errorf("numbers %q", text)
	}
	n.limit, n.from = limit, from
	rank, err := strconv.ParseUint(parts[0], 36, 64)
	since, err2 := strconv.ParseInt(parts[1], 36, 64)
	us, err3 := strconv.ParseInt(parts[2], 36, 64)
	n.rank, n.submitted = rank, unstamp(us)
	n.epoch = uint64(n.submitted.UnixMilli() - since)
	return n, errors.Join(err, err2, err3, err4)
}

func packGrace(d time.Duration) int64 {
	switch d {
	case defaultGrace:
		return 0
	case 0:
		return -1
	}
	return d.Microseconds()
}

func unpackGrace(us int64) time.Duration {
	switch us {
	case 0:
		return defaultGrace
	case -1:
		return 0
	}
	return micros(us)
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// encode gives the JSON of one of this package's record types. They hold
// nothing that JSON cannot say, so that a failure is a bug of this package.
func encode(record any) []byte {
	b, err := json.Marshal(record)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", record, err))
	}
	return b
}

// decode reads a record; an absent one leaves v as it is.
func decode(key string, b []byte, v any) error {
	if len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode %s: %w", key, err)
	}
	return nil
}
