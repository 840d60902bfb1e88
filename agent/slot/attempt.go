package slot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// attempt is one grant, from its arrival to its end. Everything but orders is
// owned by the goroutine of run.
type attempt struct {
	slot  *slot
	grant *Grant
	locks []*os.File
	log   zerolog.Logger

	orders chan given // from the agent: go, extend, cancel, revoke

	mode    mode
	child   *child
	said    <-chan childMessage
	result  *resultFile
	logFile *os.File
	capture *capture
	grown   chan int64

	clocks    clocks
	stop      stopping
	started   atomic.Bool // read by State too
	command   bool
	rejected  string
	oomBefore int64
}

// given is an order with the file that came with it.
type given struct {
	order
	file *os.File
}

func (g given) drop() {
	if g.file != nil {
		g.file.Close()
	}
}

// give queues an order; false if there is no room, which no agent in its senses fills.
// The slot's lock is held.
func (a *attempt) give(g given) bool {
	select {
	case a.orders <- g:
		return true
	default:
		a.log.Error().Str("op", g.Op).Msg("too many orders: one is dropped")
		return false
	}
}

// close drops what arrived too late. The slot's lock is held, and a is no
// longer the slot's attempt.
func (a *attempt) close() {
	for {
		select {
		case g := <-a.orders:
			g.drop()
		default:
			return
		}
	}
}

const (
	becomeTimeout = 30 * time.Second       // for an interpreter to start and to become the job's
	logPace       = 100 * time.Millisecond // between two log events
	progressPace  = 250 * time.Millisecond // between two progress events
)

func newAttempt(s *slot, g *Grant, locks []*os.File) *attempt {
	return &attempt{
		slot: s, grant: g, locks: locks,
		orders: make(chan given, 64),
		grown:  make(chan int64, 1),
		log:    s.log.With().Int64("job", int64(g.Job)).Uint64("fence", g.Fence).Logger(),
		clocks: clocks{
			deadline: g.Deadline, keep: g.Keep, grace: g.Grace, timeout: g.Timeout,
			termBefore: s.options.TermBefore, killBefore: s.options.KillBefore,
		},
	}
}

// run is the whole life of the attempt.
func (a *attempt) run(ctx context.Context) {
	if err := a.prepare(ctx); err != nil {
		a.log.Error().Err(err).Msg("grant cannot be carried out")
		a.undo(ctx)
		a.slot.refused(a, err)
		return
	}
	a.emit(Event{Kind: EventForked, PID: a.child.pid, Log: a.logFile.Name()})
	a.watch(ctx)
	ended := a.end(ctx)
	a.slot.finished(a, ended)
	a.slot.stable.ready(a.grant.Python, a.mode)
}

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
	if err := a.identify(); err != nil {
		return fmt.Errorf("the host's spool: %w", err)
	}
	// While the child becomes the job's.
	if err := a.persist(); err != nil {
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
func (a *attempt) persist() error {
	runner, err := readStat(a.child.pid)
	if err != nil {
		return err
	}
	runner.Session = a.child.pid // it makes its own at once, if it has not yet
	uid := uint32(os.Geteuid())
	if a.grant.Account != nil {
		uid = a.grant.Account.UID
	}
	return a.slot.journal.begin(
		record{Grant: withoutSecrets(a.grant), Boot: a.slot.boot, UID: uid, Runner: runner})
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
				return errors.New(oneLine(m.Detail))
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

// watch waits for the end of the runner. It hands the call over, passes on
// what the job tells, and carries out what orders and clocks ask for. It does
// no I/O that could block: the deadline depends on it.
func (a *attempt) watch(ctx context.Context) {
	go a.child.awaitEnd()
	tick := time.NewTicker(a.slot.options.WatchEvery)
	defer tick.Stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	progress := newPace[json.RawMessage](progressPace)
	size := newPace[int64](logPace)
	quit := ctx.Done()
	a.enforce(alarm) // an order may have come before the child was the job's
	for {
		select {
		case <-a.child.done:
			a.drain(progress, size)
			return
		case o := <-a.orders:
			a.obey(o)
		case m, ok := <-a.said:
			if !ok {
				a.said = nil
			}
			a.hear(m, progress)
		case n := <-a.grown:
			size.put(n)
		case <-progress.due():
		case <-size.due():
		case <-tick.C:
		case <-alarm.C:
		case <-quit:
			quit = nil
			a.stop.ask(causeQuit, scheduler.OutcomeLost, "the slot was told to end", boottime.Now()+a.clocks.grace)
		}
		a.report(progress, size)
		a.enforce(alarm)
	}
}

// enforce does what the clocks and the orders ask for.
func (a *attempt) enforce(alarm *time.Timer) {
	now := boottime.Now()
	a.stop.due(a.clocks, now)
	switch a.stop.step(now) {
	case actTerm:
		a.terminate()
	case actKill:
		a.kill()
	case actNone:
	}
	if next := a.stop.next(a.clocks); next != 0 {
		alarm.Reset(max(next-now, 0))
	}
}

// terminate asks the runner to end: all of a command's group, for it may be a
// shell; of Python only the one process, for it may need its workers to save.
func (a *attempt) terminate() {
	if !a.started.Load() {
		a.kill()
		return
	}
	pid := a.child.pid
	signalIf(pid, unix.SIGTERM, func(procStat) bool { return a.child.alive() })
	if a.command && a.child.alive() {
		// The group lives as long as its leader is not reaped.
		_ = unix.Kill(-pid, unix.SIGTERM)
	}
}

// kill ends the runner; end kills what is left when that is dead.
func (a *attempt) kill() {
	signalIf(a.child.pid, unix.SIGKILL, func(procStat) bool { return a.child.alive() })
}

func (a *attempt) obey(o given) {
	now := boottime.Now()
	switch o.Op {
	case opGo:
		a.handOver(o.file)
	case opExtend:
		a.clocks.deadline = max(a.clocks.deadline, o.Until)
	case opCancel:
		grace := o.Grace
		if grace < 0 {
			grace = a.clocks.grace
		}
		outcome := o.Outcome
		if outcome != scheduler.OutcomeReleased {
			outcome = scheduler.OutcomeCancelled
		}
		a.stop.ask(causeCancel, outcome, orElse(o.Why, "cancelled"), now+grace)
	case opRevoke:
		a.stop.ask(causeRevoke, scheduler.OutcomeLost, "the lease is not ours any more", now)
	}
}

// handOver gives the child its call. From here on the job runs.
func (a *attempt) handOver(call *os.File) {
	if call == nil {
		return
	}
	defer call.Close()
	if a.started.Load() || a.stop.cause != causeNone {
		return
	}
	a.command = isCommand(call)
	a.started.Store(true)
	if a.grant.Timeout > 0 {
		a.clocks.timeoutAt = boottime.Now() + a.grant.Timeout
	}
	if err := a.child.line.send(map[string]string{"op": "go"}, int(call.Fd())); err != nil {
		a.log.Warn().Err(err).Msg("the call could not be handed over")
	}
}

// maxCallHeader bounds what isCommand reads of a call.
const maxCallHeader = 1 << 20

// isCommand looks at the start of a call's file, of which it reads no more
// than it must: the job is waiting. The file's offset stays.
func isCommand(call *os.File) bool {
	var h CallHeader
	err := json.NewDecoder(io.NewSectionReader(call, 0, maxCallHeader)).Decode(&h)
	return err == nil && h.Kind == CallCommand // what is wrong with a call, the runner will say
}

func (a *attempt) hear(m childMessage, progress *pace[json.RawMessage]) {
	if m.Op == childRejected {
		a.rejected = oneLine(orElse(m.Detail, "the result found no room"))
	}
	if len(m.Progress) > 0 && a.started.Load() {
		progress.put(m.Progress)
	}
}

// drain takes what the job said before it ended, and reports the last of it.
func (a *attempt) drain(progress *pace[json.RawMessage], size *pace[int64]) {
	// A process outside of the tree may hold the line open: no longer than this.
	limit := time.NewTimer(overdue)
	defer limit.Stop()
	for a.said != nil {
		// What is there is read at once; without a writer the end follows.
		_ = a.child.line.conn.SetReadDeadline(time.Now().Add(drainFor))
		select {
		case m, ok := <-a.said:
			if !ok {
				a.said = nil
				break
			}
			a.hear(m, progress)
		case <-limit.C:
			a.said = nil
		}
	}
	progress.hurry()
	size.hurry()
	a.report(progress, size)
}

// drainFor is how long the line may stay silent after the runner's end.
const drainFor = 50 * time.Millisecond

func (a *attempt) report(progress *pace[json.RawMessage], size *pace[int64]) {
	if value, ok := progress.take(); ok {
		a.emit(Event{Kind: EventProgress, Progress: value})
	}
	if n, ok := size.take(); ok {
		a.emit(Event{Kind: EventLog, LogSize: n})
	}
}

func (a *attempt) emit(e Event) {
	e.Job, e.Fence = a.grant.Job, a.grant.Fence
	a.slot.emit(e)
}

// end comes after the runner: the tree is cleared, what it wrote is judged and
// spooled, out/ is listed. When it returns the locks are free.
func (a *attempt) end(ctx context.Context) *Ended {
	a.clear(ctx)
	abandon := make(chan struct{})
	timer := time.AfterFunc(overdue, func() { close(abandon) })
	size, lost := a.capture.finish(abandon)
	timer.Stop()
	if lost != nil {
		a.log.Error().Err(lost).Msg("part of the job's output is lost")
	}
	ended := a.judge()
	ended.Log, ended.LogSize = a.logFile.Name(), size
	var err error
	if ended.Files, ended.Left, err = collectOut(a.grant.JobDir); err != nil {
		ended.Left = err.Error()
	}
	a.release()
	return ended
}

// clear kills what is left of the tree. It goes on even when the slot is told
// to end, for no device may be handed on before.
func (a *attempt) clear(ctx context.Context) {
	if err := a.slot.tree.clear(context.WithoutCancel(ctx)); err != nil {
		a.log.Error().Err(err).Msg("cannot look for the job's processes")
	}
}

func (a *attempt) judge() *Ended {
	f := facts{
		status: a.child.status, stop: a.stop, limit: a.slot.options.MaxResult,
		rejected: a.rejected, command: a.command, orphaned: a.orphaned(),
	}
	if f.status.Signaled() && f.status.Signal() == unix.SIGKILL {
		f.oomKills = oomKills() > a.oomBefore
	}
	if info, err := a.result.file.Stat(); err == nil {
		f.size = info.Size()
	}
	f.header, f.broken = a.result.header()
	v := judge(f)
	ended := &Ended{Outcome: v.outcome, Reason: v.reason, Detail: v.detail, Started: a.started.Load(), ExitCode: -1}
	if f.status.Exited() {
		ended.ExitCode = f.status.ExitStatus()
	} else if f.status.Signaled() {
		ended.Signal = unix.SignalName(f.status.Signal())
	}
	if v.keep {
		a.keep(f, ended)
	}
	return ended
}

// keep spools the envelope. Without room for it the attempt has failed.
func (a *attempt) keep(f facts, ended *Ended) {
	result, err := a.spoolResult(f)
	if err != nil {
		a.log.Error().Err(err).Msg("result cannot be spooled")
		ended.Outcome, ended.Reason = scheduler.OutcomeFailed, scheduler.ReasonRejected
		ended.Detail = "the result could not be kept: " + err.Error()
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			ended.Detail = spoolFull
		}
		return
	}
	ended.Result = result
}

const spoolFull = "the host's spool is full"

func (a *attempt) spoolResult(f facts) (*Result, error) {
	if f.header == nil { // a command: the code is the result
		data, err := commandResult(f.status.ExitStatus())
		if err != nil {
			return nil, err
		}
		if err := a.result.replace(data); err != nil {
			return nil, err
		}
	}
	result, err := a.slot.spool.keep(a.result, a.grant.Ref())
	if err != nil {
		return nil, err
	}
	h, err := a.result.header()
	if err != nil {
		return nil, err
	}
	result.Short = h.Short
	return result, nil
}

func (a *attempt) orphaned() bool {
	return a.child.parent != nil && !a.child.parent.alive()
}

// undo takes everything back when the grant could not be carried out.
func (a *attempt) undo(ctx context.Context) {
	if a.child != nil {
		a.kill()
		a.child.awaitEnd()
		<-a.child.done
		a.clear(ctx)
	}
	if a.capture != nil {
		abandon := make(chan struct{})
		close(abandon)
		if _, err := a.capture.finish(abandon); err != nil {
			a.log.Warn().Err(err).Msg("log of a refused grant")
		}
	}
	a.release()
}

// release closes everything, the locks last: the device is free then.
func (a *attempt) release() {
	if a.child != nil {
		a.child.line.close()
		go discard(a.child.said)
	}
	if a.result != nil {
		a.result.close()
	}
	if a.logFile != nil {
		a.logFile.Close()
	}
	if err := clearTmp(a.grant.JobDir); err != nil {
		a.log.Warn().Err(err).Msg("temporary files of the job stay")
	}
	closeAll(a.locks)
}

// oomKills is how many processes the kernel has killed for want of memory
// since the boot; 0 where it does not tell.
func oomKills() int64 {
	n, err := vmstat("oom_kill")
	if err != nil {
		return math.MaxInt64 // never "more than before"
	}
	return n
}

func vmstat(name string) (int64, error) {
	data, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0, err
	}
	value, ok := lookup(string(data), name)
	if !ok {
		return 0, fmt.Errorf("/proc/vmstat has no %s", name)
	}
	return strconv.ParseInt(value, 10, 64)
}
