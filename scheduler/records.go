package scheduler

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"time"
)

// The small records beside the job's own.

// epochRecord says which store the namespace was adopted under.
type epochRecord struct {
	Identity string `json:"i"`
	Epoch    uint64 `json:"e"`
	Adopted  int64  `json:"t"`
	// Held: jobs of an older epoch are not granted, until a server has counted the
	// hold-off on its own clock and takes this away.
	Held bool `json:"o,omitempty"`
	// HoldUntil is when that will be, as far as the store's clock can tell; 0: no
	// hold-off. In a record of a build without Held it is what counts.
	HoldUntil int64 `json:"h,omitempty"`
	// First is the lowest id that may be issued since this store was adopted. What was
	// allocated before may have been issued by the store that was lost.
	First JobID `json:"f,omitempty"`
	// Gaps are those of a build that had no record of their own for them (facts.gaps).
	Gaps gaps `json:"g,omitempty"`
}

// held reports whether a hold-off runs.
func (e *epochRecord) held(now time.Time) bool { return e.Held || now.Before(unstamp(e.HoldUntil)) }

// holds reports whether a job queued under the given epoch has to wait, and until
// when, in words.
func (e *epochRecord) holds(jobEpoch uint64, now time.Time) (until string, held bool) {
	if jobEpoch >= e.Epoch || !e.held(now) {
		return "", false
	}
	if at := unstamp(e.HoldUntil); now.Before(at) {
		return at.Format(time.TimeOnly), true
	}
	return "a server has counted the hold-off to its end", true
}

// deviceRecord says who holds a device. It stays for ever, so that the fence
// of the next lease is above all earlier ones.
type deviceRecord struct {
	Job   JobID  `json:"j,omitempty"`
	Fence uint64 `json:"f"`
	Host  string `json:"h"`
}

// agentRecord names the agent process that has a host's name now.
type agentRecord struct {
	Epoch  uint64 `json:"e"`
	BootID string `json:"b,omitempty"`
	Joined int64  `json:"t"`
}

// beatRecord is an agent's sign of life: every lease of this epoch is alive
// until Expire after At.
type beatRecord struct {
	Epoch uint64 `json:"e"`
	At    int64  `json:"t"`
	// Number of the renewal that wrote it, of those that are numbered.
	Number uint64 `json:"n,omitempty"`
}

// drainRecord is what an admin closed on a host.
type drainRecord struct {
	By      string            `json:"b,omitempty"` // the whole host: who and why
	Devices map[string]string `json:"d,omitempty"`
	// Deadlines: when what still runs there is stopped, by UUID; "" is the host.
	Deadlines map[string]deadlineRecord `json:"l,omitempty"`
}

// deadlineRecord ends what runs on something closed.
type deadlineRecord struct {
	At   int64  `json:"t"`
	Then string `json:"a"` // thenRequeue or thenCancel
}

// ordersRecord is what an admin ordered of a host's devices, by UUID; "" is the host.
type ordersRecord struct {
	Number   uint64                     `json:"n"`
	Tolerate map[string]toleranceRecord `json:"m,omitempty"`
	Resets   map[string]signatureRecord `json:"r,omitempty"`
	Detached map[string]signatureRecord `json:"d,omitempty"`
}

type signatureRecord struct {
	By string `json:"b"` // who, and why
	At int64  `json:"t"`
}

type toleranceRecord struct {
	signatureRecord
	Memory int64 `json:"m"`
}

// idemRecord says what came of an idempotency key.
type idemRecord struct {
	Content []byte `json:"c"` // hash of what was submitted
	// Blocks are the ids given so far, as runs (first, count), in the order of the submission.
	Blocks  [][2]int64 `json:"b"`
	Expires int64      `json:"x"`
}

func (r idemRecord) ids() []JobID {
	var ids []JobID
	for _, b := range r.Blocks {
		for i := range b[1] {
			ids = append(ids, JobID(b[0]+i))
		}
	}
	return ids
}

// blocks is the inverse of ids.
func blocks(ids []JobID) [][2]int64 {
	var out [][2]int64
	for _, id := range ids {
		if n := len(out); n > 0 && out[n-1][0]+out[n-1][1] == int64(id) {
			out[n-1][1]++
			continue
		}
		out = append(out, [2]int64{int64(id), 1})
	}
	return out
}

// A spec's record is a line about the body, and the body byte for byte. The line
// is USER, UNIX ("=": as the user), MEDIA ("" for an envelope, "j" for JSON) and
// SIGNATURE in base 64, with a tab between, and none at the end: one byte more of
// it can cost each job 32 bytes of Redis' memory.
func encodeSpec(s Spec) []byte {
	unix, media := s.Unix, s.Media
	if unix != "" && unix == s.User {
		unix = "="
	}
	switch media {
	case MediaEnvelope:
		media = ""
	case MediaJSON:
		media = "j"
	}
	line := s.User + "\t" + unix + "\t" + media + "\t" + base64.StdEncoding.EncodeToString(s.Signature)
	line = strings.TrimRight(line, "\t") + "\n"
	return append(append(make([]byte, 0, len(line)+len(s.Body)), line...), s.Body...)
}

func decodeSpec(id JobID, b []byte) (Spec, error) {
	line, body, ok := bytes.Cut(b, []byte{'\n'})
	parts := strings.Split(string(line), "\t")
	if !ok || len(parts) > 4 {
		return Spec{}, &DamagedError{Job: id, What: "what it runs", Record: b, Why: errors.New("no line of at most four parts")}
	}
	parts = append(parts, "", "", "")
	s := Spec{User: parts[0], Unix: parts[1], Media: parts[2], Body: body}
	if s.Unix == "=" {
		s.Unix = s.User
	}
	switch s.Media {
	case "":
		s.Media = MediaEnvelope
	case "j":
		s.Media = MediaJSON
	}
	if parts[3] == "" {
		return s, nil
	}
	var err error
	if s.Signature, err = base64.StdEncoding.DecodeString(parts[3]); err != nil {
		return Spec{}, &DamagedError{Job: id, What: "what it runs", Record: b, Why: err}
	}
	return s, nil
}
