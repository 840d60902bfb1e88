package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// A hold is a job that runs nothing: its devices are for somebody who works at
// this host by hand. What that person starts descends from no slot, so the
// account tells whose it is. Nothing of it is ever killed: the slot kills what
// descends from it, or carries its job's variables.

// holder is whose lease has a device.
type holder struct {
	slot slot.Process // the slot process that has the lease
	hold *slot.Hold   // nil: the lease is no hold
}

// owns reports whether a process belongs to the lease.
func (h holder) owns(p *gpu.Process) bool {
	if h.hold != nil && h.hold.UID != nil && p.UID == int(*h.hold.UID) {
		return true
	}
	return slot.Process{PID: p.PID, Start: p.Started}.DescendsFrom(h.slot)
}

// setHold says for whom devices are held that a lease of ours has; nil: it is no hold.
func (f *fleet) setHold(uuids []string, hold *slot.Hold) {
	f.change(uuids, func(d *device) { d.holder.hold = hold })
}

// heldFor finds the account of the hold's user: that on record with the server,
// as this host knows it. Without one the processes there are nobody's, and are
// named beside the lease like those of anybody else.
func (t *attempt) heldFor() *slot.Hold {
	if t.spec.Unix == "" {
		return &slot.Hold{}
	}
	k := t.agent.accounts.submitter(t.spec.Unix)
	if k.err != nil {
		t.log.Info().Err(k.err).Msg("whose processes are the holder's cannot be told")
		return &slot.Hold{}
	}
	return &slot.Hold{UID: &k.account.UID}
}

// holdSlack is how much later than the hold's own end the slot would end it.
const holdSlack = time.Minute

// slotTimeout is the time limit that the slot enforces. A hold ends by itself, as
// succeeded, when its time has come; the slot only sees to it.
func slotTimeout(j *scheduler.Job) time.Duration {
	if j.Hold {
		return j.Timeout + holdSlack
	}
	return j.Timeout
}

// holdScript is what runs while devices are held; $0 is how long, in seconds. It
// is a shell's builtin and a sleep, so that a hold needs nothing of the host.
const holdScript = `echo "export CUDA_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER=$CUDA_DEVICE_ORDER"; exec sleep "$0"`

// holdFile is the call of a hold.
func holdFile(h slot.CallHeader, long time.Duration) (*os.File, error) {
	h.Kind = slot.CallCommand
	words, err := json.Marshal([]string{"/bin/sh", "-c", holdScript, fmt.Sprint(int64(long.Round(time.Second).Seconds()))})
	if err != nil {
		return nil, badCall("the hold cannot be encoded: %v", err)
	}
	return slot.CallFile(h, words)
}
