package slot

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/rs/zerolog"
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
	group   *isolation.Group // nil: none holds it
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
	starved   starvation // once its runner has been killed
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
			deadline: g.Deadline, grace: g.Grace, timeout: g.Timeout,
			termBefore: s.options.TermBefore, killBefore: s.options.KillBefore,
		},
	}
}

// given is an order with the files that came with it.
type given struct {
	order
	files []*os.File
}

func (g given) drop() { closeAll(g.files) }

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
	a.dissolve()
	a.slot.stable.ready(a.grant.Python, a.mode)
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
	a.dissolve()
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

func (a *attempt) emit(e Event) {
	e.Job, e.Fence = a.grant.Job, a.grant.Fence
	a.slot.emit(e)
}
