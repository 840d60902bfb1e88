package slot

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/internal/plain"
)

// prepare makes everything ready but the call. Nothing of the job's runs yet.
func (a *attempt) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, becomeTimeout, errors.New("the interpreter took too long"))
	defer cancel()
	if err := a.checkLocks(); err != nil {
		return err
	}
	var err error
	if a.mode, err = a.slot.stable.mode(a.grant); err != nil {
		return err
	}
	if a.child, err = a.slot.stable.take(ctx, a.grant, a.mode); err != nil {
		return fmt.Errorf("python %s: %w", a.grant.Environment, err)
	}
	a.said = a.child.said
	runner, err := readStat(a.child.pid) // as long as it surely lives
	if err != nil {
		return fmt.Errorf("the waiting interpreter: %w", err)
	}
	// Before it is the job's user, and before it knows for whom it is.
	if err := a.hold(ctx); err != nil {
		return fmt.Errorf("isolation: %w", err)
	}
	if err := a.identify(); err != nil {
		return fmt.Errorf("the host's spool: %w", err)
	}
	// While the child becomes the job's.
	if err := a.persist(runner); err != nil {
		return fmt.Errorf("the host's spool: %w", err)
	}
	a.oomBefore = oomKills()
	return a.awaitWaiting(ctx)
}

// checkLocks: the locks of all devices must be held through what we were
// given, or somebody else has one.
func (a *attempt) checkLocks() error {
	if len(a.locks) != len(a.grant.Devices) {
		return fmt.Errorf("%d locks for %d devices", len(a.locks), len(a.grant.Devices))
	}
	for i, lock := range a.locks {
		// On the descriptor of who holds it this changes nothing.
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return fmt.Errorf("device %s is locked by somebody else: %w", a.grant.Devices[i].UUID, err)
		}
	}
	return nil
}

// persist notes the attempt in the journal, before anything of the job can run:
// the call is not handed over yet.
func (a *attempt) persist(runner procStat) error {
	runner.Session = a.child.pid // it makes its own at once, if it has not yet
	uid := uint32(os.Geteuid())
	if a.grant.Account != nil {
		uid = a.grant.Account.UID
	}
	r := record{Grant: withoutSecrets(a.grant), Boot: a.slot.boot, UID: uid, Runner: runner}
	if a.group != nil {
		r.Group = a.group.Dir()
	}
	return a.slot.journal.begin(r)
}

// identity is what a waiting child needs to become the job's.
type identity struct {
	Op          string            `json:"op"`
	Env         map[string]string `json:"env"`
	Environment string            `json:"environment"`
	WorkDir     string            `json:"work_dir"`
	JobDir      string            `json:"job_dir"`
	Account     *Account          `json:"account,omitempty"`
	Limits      Limits            `json:"limits"`
	MaxResult   int64             `json:"max_result"`
}

// identify opens the files of the attempt and tells the child whose it is.
func (a *attempt) identify() error {
	ref := a.grant.Ref()
	var err error
	if a.result, err = a.slot.spool.createResult(ref); err != nil {
		return err
	}
	if a.logFile, err = a.slot.spool.createLog(ref); err != nil {
		return err
	}
	pipe, write, err := logPipe()
	if err != nil {
		return err
	}
	defer unix.Close(write)
	if a.grant.Account != nil {
		// So that the job can open /dev/stdout. It fails only where we are not
		// root, and then the pipe is the job's user's already.
		_ = unix.Fchown(write, int(a.grant.Account.UID), int(a.grant.Account.GID))
	}
	a.capture = startCapture(pipe, a.logFile, a.slot.options.MaxLog, a.noteGrown)
	limits := a.grant.Limits
	if a.grant.Account == nil {
		limits.Processes = 0 // the kernel would count all that the agent's own user runs
	}
	return a.child.line.send(identity{
		Op: "run", Env: environ(a.grant), Environment: a.grant.Environment,
		WorkDir: orElse(a.grant.WorkDir, a.grant.JobDir), JobDir: a.grant.JobDir,
		Account: a.grant.Account, Limits: limits, MaxResult: a.slot.options.MaxResult,
	}, int(a.result.file.Fd()), write)
}

// noteGrown is called by the capture's goroutine; the last size is enough.
func (a *attempt) noteGrown(size int64) {
	select {
	case <-a.grown:
	default:
	}
	select {
	case a.grown <- size:
	default:
	}
}

// awaitWaiting returns when the child has become the job's. Orders are taken
// meanwhile: a call that is there already is read without another round.
func (a *attempt) awaitWaiting(ctx context.Context) error {
	for {
		select {
		case o := <-a.orders:
			a.obey(o)
		case m, ok := <-a.said:
			switch {
			case !ok:
				return a.diedEarly()
			case m.Op == childWaiting:
				return nil
			case m.Op == childRefused:
				return errors.New(plain.Line(m.Detail))
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (a *attempt) diedEarly() error {
	a.child.awaitEnd()
	<-a.child.done
	return fmt.Errorf("the interpreter could not take the job: %s (its output is in slot.log or the job's log)",
		describe(a.child.status))
}

func (a *attempt) orphaned() bool {
	return a.child.parent != nil && !a.child.parent.alive()
}
