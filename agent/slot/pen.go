package slot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mlq-dev/mlq/agent/isolation"
)

// A spare that is started as a job's user runs before it has a lease and as long as
// it waits for one: where others than root can write its files, their code from the
// first moment on. So it waits in a control group, its pen, in which no card can
// be opened and all that it starts is held.
//
// It is born in there. Moved in later, it would be that user's outside of any group
// for a moment, and another process of theirs could enter it there (ptrace), and so
// leave its own job's group. A process of root's keeps the pen until then, for
// systemd makes no empty scope.

// penPatience bounds the making of a pen.
const penPatience = 5 * time.Second

// newSpare starts a spare, in a pen where it needs one. mu is held.
func (s *stable) newSpare(ctx context.Context, key spareKey, m mode) (*child, error) {
	if m.hold == nil {
		i, err := startInterpreter(s.nursery, s.options, key.python, m.account, "--spare")
		if err != nil {
			return nil, err
		}
		return newSpare(i, nil), nil
	}
	pen, keeper, err := s.pen(ctx, m.hold)
	if err != nil {
		return nil, fmt.Errorf("hold a spare interpreter: %w", err)
	}
	defer keeper.leave()
	i, err := s.startInPen(pen, key.python, m.account)
	if err != nil {
		keeper.leave()
		return nil, errors.Join(err, s.emptyPen(ctx, pen))
	}
	c := newSpare(i, pen)
	go s.watchPen(c) //nolint:gosec // it outlives the grant that is the context
	return c, nil
}

func (s *stable) startInPen(pen *isolation.Group, python string, account *Account) (*interpreter, error) {
	folder, err := os.Open(pen.Dir())
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return startIn(folder, s.nursery, s.options, python, account, "--spare")
}

// pen is a group as the attempt's, with a name of its own and without its cards,
// and the process that keeps it.
func (s *stable) pen(ctx context.Context, like *isolation.Spec) (*isolation.Group, *penKeeper, error) {
	ctx, cancel := context.WithTimeout(ctx, penPatience)
	defer cancel()
	keeper, err := startPenKeeper(s.nursery)
	if err != nil {
		return nil, nil, err
	}
	s.penned++
	pen, err := s.keeper.Hold(ctx, like.Spare(s.penned), keeper.pid, nil)
	if err != nil {
		keeper.leave()
		return nil, nil, err
	}
	return pen, keeper, nil
}

// penKeeper is a process of root's that is in a pen until leave.
type penKeeper struct {
	pid  int
	stay *os.File
	exit <-chan syscall.WaitStatus
	once sync.Once
}

func startPenKeeper(n *nursery) (*penKeeper, error) {
	wait, stay, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer wait.Close()
	k := &penKeeper{stay: stay}
	k.pid, k.exit, err = n.start("/bin/sh", []string{"sh", "-c", "read -r _"}, &syscall.ProcAttr{
		Dir: "/", Files: []uintptr{wait.Fd(), 2, 2}, Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		stay.Close()
		return nil, err
	}
	return k, nil
}

// leave returns when it has ended.
func (k *penKeeper) leave() {
	k.once.Do(func() {
		k.stay.Close()
		<-k.exit
	})
}

// watchPen empties the pen when the spare has ended, whatever became of it.
func (s *stable) watchPen(c *child) {
	<-c.done
	if err := s.emptyPen(context.Background(), c.pen); err != nil {
		s.options.Log.Warn().Err(err).Msg("a spare's control group cannot be ended")
	}
}

// dismiss ends the spares that nobody takes any more, with what they have started.
func (s *stable) dismiss() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, c := range s.spares {
		c.line.close()
		delete(s.spares, key)
		if c.pen == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), penPatience)
		if err := s.emptyPen(ctx, c.pen); err != nil {
			s.options.Log.Warn().Err(err).Msg("a spare's control group cannot be ended")
		}
		cancel()
	}
}

// emptyPen ends all that is in a pen: without an error nothing is.
func (s *stable) emptyPen(ctx context.Context, pen *isolation.Group) error {
	if err := pen.Clear(ctx, func() {}); err != nil {
		return err
	}
	removeGroup(pen, s.options.Log)
	return nil
}
