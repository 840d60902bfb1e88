package slot

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// warmParent is an interpreter that forks waiting children. Its requests are
// answered in order.
type warmParent struct {
	*interpreter
	nursery *nursery
	log     zerolog.Logger

	mu       sync.Mutex
	pending  []*fork
	children map[int]*child // until their end was told
	dead     error          // set once, when the line has ended
	gone     chan struct{}  // closed with it
}

// fork is a child that was asked for.
type fork struct {
	line  *packets
	child *child // set when done is closed without err
	err   error
	done  chan struct{}
}

func startWarm(n *nursery, o *Options, python string) (*warmParent, error) {
	i, err := startInterpreter(n, o, python, nil, "--warm", "--preload", strings.Join(o.Preload, ","))
	if err != nil {
		return nil, err
	}
	p := &warmParent{
		interpreter: i, nursery: n, children: map[int]*child{}, gone: make(chan struct{}),
		log: o.Log.With().Str("python", python).Int("pid", i.pid).Logger(),
	}
	go p.receive()
	return p, nil
}

// fork asks for a child; it is there when done is closed.
func (p *warmParent) fork() *fork {
	f := &fork{done: make(chan struct{})}
	line, theirs, err := packetPair()
	if err != nil {
		f.fail(err)
		return f
	}
	defer theirs.Close()
	f.line = line
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead != nil {
		f.fail(p.dead)
		return f
	}
	if err := p.line.send(map[string]string{"op": "fork"}, int(theirs.Fd())); err != nil {
		f.fail(fmt.Errorf("ask the warm interpreter for a child: %w", err))
		return f
	}
	p.pending = append(p.pending, f)
	return f
}

func (f *fork) fail(err error) {
	if f.line != nil {
		f.line.close()
	}
	f.err = err
	close(f.done)
}

// warmMessage is what a warm parent says.
type warmMessage struct {
	Op      string            `json:"op"`
	PID     int               `json:"pid"`
	Status  uint32            `json:"status"`
	Version string            `json:"version"`
	Modules []string          `json:"modules"`
	Failed  map[string]string `json:"failed"`
}

func (p *warmParent) receive() {
	buf := make([]byte, maxPacket)
	for {
		var m warmMessage
		if err := p.line.receive(&m, buf); err != nil && !errors.Is(err, errNonsense) {
			p.end()
			return
		}
		switch m.Op {
		case "ready":
			p.log.Info().Str("version", m.Version).Strs("modules", m.Modules).
				Interface("failed", m.Failed).Msg("warm interpreter is ready")
		case "forked":
			p.forked(m.PID)
		case "exited":
			p.exited(m.PID, syscall.WaitStatus(m.Status))
		}
	}
}

func (p *warmParent) forked(pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) == 0 {
		return
	}
	f := p.pending[0]
	p.pending = p.pending[1:]
	f.child = newChild(pid, f.line, p)
	p.children[pid] = f.child
	close(f.done)
}

func (p *warmParent) exited(pid int, status syscall.WaitStatus) {
	p.mu.Lock()
	c := p.children[pid]
	delete(p.children, pid)
	p.mu.Unlock()
	if c != nil {
		p.nursery.forget(pid)
		c.ended(status)
	}
}

// addOwned adds this parent, and the children that have ended and that it has yet
// to reap. When it is dead, they are reaped as any other process.
func (p *warmParent) addOwned(pids map[int]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead != nil {
		return
	}
	pids[p.pid] = true
	for pid, c := range p.children {
		if !c.alive() {
			pids[pid] = true
		}
	}
}

// end is called once, when the parent is gone or has closed its line.
func (p *warmParent) end() {
	// The rest of it must go too: whoever stopped or damaged it was no friend.
	p.line.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	status := <-p.exit
	p.dead = fmt.Errorf("the warm interpreter ended: %s", describe(status))
	for _, f := range p.pending {
		f.fail(p.dead)
	}
	p.pending = nil
	for pid := range p.children {
		p.nursery.inherit(pid)
	}
	close(p.gone)
}

// settle waits until every child that was asked for is known by its pid: an
// unknown one would be taken for a job's.
func (p *warmParent) settle() {
	p.mu.Lock()
	pending := append([]*fork(nil), p.pending...)
	p.mu.Unlock()
	timer := time.AfterFunc(overdue, p.shoot)
	defer timer.Stop()
	for _, f := range pending {
		<-f.done
	}
}

// shoot ends a parent that does not answer; receive sees it.
func (p *warmParent) shoot() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead == nil { // so it is not reaped, and the pid its own
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
}
