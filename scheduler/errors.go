package scheduler

import (
	"errors"
	"fmt"
)

// Refusals of transitions. Each is wrapped with words for the user; api maps
// them to HTTP statuses and stable codes, the Python client to exceptions.
var (
	ErrNotFound       = errors.New("no such job")               // unknown, purged, or another user's
	ErrStale          = errors.New("stale lease")               // the fence is not the current one: stop and throw away
	ErrBusy           = errors.New("taken")                     // the job or a device was taken by somebody faster
	ErrHold           = errors.New("held")                      // the hold-off after a change of store still runs
	ErrStaleAgent     = errors.New("agent replaced")            // another process has this agent's name
	ErrFinal          = errors.New("job has ended")             // a final state never changes
	ErrNotFinal       = errors.New("job has not ended")         // only an ended job can be requeued
	ErrNoLease        = errors.New("job holds no lease")        // there is nothing to revoke
	ErrCancelled      = errors.New("cancel requested")          // start refused: release it
	ErrQuota          = errors.New("over quota")                // a limit of the user is reached
	ErrUnsatisfiable  = errors.New("no host can ever run this") // with the closest that exists
	ErrInvalid        = errors.New("invalid request")           // a field is wrong; see FieldError
	ErrForbidden      = errors.New("not allowed")               // not this user's to do
	ErrKeyReused      = errors.New("idempotency key reused")    // same key, other content
	ErrUnknownHost    = errors.New("no such host")
	ErrHostAlive      = errors.New("the host is alive") // only one that is gone can be forgotten
	ErrHostBusy       = errors.New("the host has jobs") // its leases have not ended
	ErrUnknownDevice  = errors.New("no such device")
	ErrNotSick        = errors.New("device is not sick")         // there is nothing to reset
	ErrAgentTooLate   = errors.New("agent's lease time is over") // renew before claiming
	ErrRejoin         = errors.New("store lost this agent")      // join again, then go on
	ErrBlobMissing    = errors.New("blob was not uploaded")      // upload it, then say the same again
	ErrDeadlock       = errors.New("it would wait for ever")     // for a job that can never run while it waits
	ErrConflictRepeat = errors.New("too many conflicts")         // the store kept changing under this transition
	ErrLogCut         = errors.New("the store lost the end of the log")
)

// ErrVersionMismatch is the ErrUnsatisfiable of a call that could run somewhere
// but for the Python that pickled it: loading it with another minor version
// can crash the interpreter.
var ErrVersionMismatch = fmt.Errorf("%w with the Python of this call", ErrUnsatisfiable)

// FieldError is a refusal of one field of a request.
type FieldError struct {
	Field  string // JSON name: "gpu_mem"
	Detail string // in the user's words: what is wrong and what would be right
}

// Error gives field and detail.
func (e *FieldError) Error() string { return e.Field + ": " + e.Detail }

// Unwrap makes a FieldError an ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }
