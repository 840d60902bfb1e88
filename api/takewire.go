package api

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// The words of a consumer, a process that takes messages, under /consumer/.

// ConsumerTake is the body of POST /consumer/take.
type ConsumerTake struct {
	Consumer  string   `json:"consumer"`  // its id, 16 hexadecimal digits of its own choice
	Functions []string `json:"functions"` // that it has
	// Claim is new for each take, and the same when that is repeated because its answer was lost.
	Claim string  `json:"claim"`
	Wait  float64 `json:"wait,omitempty"` // s, at most 30: for a job
	Idle  float64 `json:"idle,omitempty"` // s since its last job
}

// ConsumerJob answers it: a job that runs from now on.
type ConsumerJob struct {
	Job         scheduler.JobID `json:"job"`
	Attempt     int             `json:"attempt"`
	Fence       uint64          `json:"fence"`
	Msg         json.RawMessage `json:"msg"`
	Functions   []string        `json:"functions"` // to be run, in this order
	FullMessage json.RawMessage `json:"full_message"`
	Timeout     float64         `json:"timeout"` // s, of the attempt; 0: none
	Grace       float64         `json:"grace"`   // s, before what does not stop is killed
	Lease       float64         `json:"lease"`   // s after the last renewal for which it may go on
}

// ConsumerRenew is the body of POST /consumer/renew.
type ConsumerRenew struct {
	Consumer string     `json:"consumer"`
	Leases   []LeaseRef `json:"leases"`
}

// ConsumerRenewed answers it.
type ConsumerRenewed struct {
	Stop []ConsumerStop `json:"stop"`
}

// ConsumerStop is a job that is to stop, and how it is finished then: as cancelled,
// as released, or, of a lost lease, not at all.
type ConsumerStop struct {
	Job     scheduler.JobID   `json:"job"`
	Why     string            `json:"why"`
	Outcome scheduler.Outcome `json:"outcome"`
}

// ConsumerProgress is the body of POST /consumer/progress.
type ConsumerProgress struct {
	LeaseRef
	Consumer string          `json:"consumer"`
	Progress json.RawMessage `json:"progress"`
}

var (
	consumerID = regexp.MustCompile(`^[0-9a-f]{16}$`)
	claimID    = regexp.MustCompile(`^[0-9A-Za-z-]{16,64}$`)
)

// maxServed is how many functions a consumer may have.
const maxServed = 1000

func checkConsumer(id string) error {
	if !consumerID.MatchString(id) {
		return refuseField(CodeInvalidField, "/consumer", "consumer: want 16 hexadecimal digits in lower case, which the process draws by lot")
	}
	return nil
}

func (t *ConsumerTake) check() error {
	switch {
	case !claimID.MatchString(t.Claim):
		return refuseField(CodeInvalidField, "/claim", "claim: want 16 to 64 letters, digits and dashes, as of a UUID; new ones for each take, the same where one is repeated")
	case len(t.Functions) == 0 || len(t.Functions) > maxServed:
		return refuseField(CodeInvalidField, "/functions", fmt.Sprintf("functions: want the names of 1 to %d functions", maxServed))
	case t.Wait < 0 || t.Idle < 0 || t.Idle > maxIdle.Seconds():
		return refuseField(CodeInvalidField, "/wait", "wait and idle are seconds, from 0")
	}
	for i, name := range t.Functions {
		if !scheduler.FunctionName(name) {
			return refuseField(CodeInvalidField, fmt.Sprintf("/functions/%d", i), fmt.Sprintf("%q is no function's name", printable(name)))
		}
	}
	return checkConsumer(t.Consumer)
}

// maxIdle bounds what a consumer says of the time since its last job.
const maxIdle = 10 * 365 * 24 * time.Hour

// served are those of its functions that are registered, and whether these are all
// that are. It is pure.
func (t *ConsumerTake) served(registered []scheduler.Function) (names []string, all bool) {
	all = len(registered) > 0
	for i := range registered {
		if slices.Contains(t.Functions, registered[i].Name) {
			names = append(names, registered[i].Name)
			continue
		}
		all = false
	}
	return names, all
}
