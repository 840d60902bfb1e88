package scheduler

import "time"

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
