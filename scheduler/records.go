package scheduler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// The small records beside the job's own.

// epochRecord says which store the namespace was adopted under.
type epochRecord struct {
	Identity string `json:"i"`
	Epoch    uint64 `json:"e"`
	Adopted  int64  `json:"t"`
	// HoldUntil: jobs of an older epoch are not granted before. 0: no hold-off.
	HoldUntil int64 `json:"h,omitempty"`
	// Gaps are ranges of ids [from, to) that were never issued; lists skip them.
	Gaps [][2]JobID `json:"g,omitempty"`
}

// holds reports whether a job queued under the given epoch has to wait, and until when.
func (e epochRecord) holds(jobEpoch uint64, now time.Time) (time.Time, bool) {
	until := unstamp(e.HoldUntil)
	return until, jobEpoch < e.Epoch && now.Before(until)
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
	Real   bool   `json:"r,omitempty"` // the host has a device that is no CPU slot
}

// beatRecord is an agent's sign of life: every lease of this epoch is alive
// until Expire after At.
type beatRecord struct {
	Epoch uint64 `json:"e"`
	At    int64  `json:"t"`
}

// drainRecord is what an admin closed on a host.
type drainRecord struct {
	By      string            `json:"b,omitempty"` // the whole host: who and why
	Devices map[string]string `json:"d,omitempty"`
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

// specHeader is the first line of a spec's record; the body follows it byte for byte.
type specHeader struct {
	User      string `json:"u"`
	Unix      string `json:"x,omitempty"`
	Media     string `json:"m,omitempty"` // "" is MediaEnvelope
	Signature []byte `json:"s,omitempty"`
}

func encodeSpec(s Spec) []byte {
	h := specHeader{User: s.User, Unix: s.Unix, Signature: s.Signature}
	if s.Media != MediaEnvelope {
		h.Media = s.Media
	}
	return append(append(encode(h), '\n'), s.Body...)
}

func decodeSpec(id JobID, b []byte) (Spec, error) {
	line, body, ok := bytes.Cut(b, []byte{'\n'})
	if !ok {
		return Spec{}, fmt.Errorf("decode spec of job %d: no header line", id)
	}
	h := specHeader{Media: MediaEnvelope}
	if err := json.Unmarshal(line, &h); err != nil {
		return Spec{}, fmt.Errorf("decode spec of job %d: %w", id, err)
	}
	return Spec{User: h.User, Unix: h.Unix, Media: h.Media, Body: body, Signature: h.Signature}, nil
}
