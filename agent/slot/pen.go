package slot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mlq-dev/mlq/agent/isolation"
)

// A spare that is started as a job's user on files that others than root can
// write runs their code from its first moment on, before it has a lease and as
// long as it waits for one. So it waits in a control group, its pen, in which
// no card can be opened and all that it starts is held; the gate keeps the
// interpreter from running before it is in there.

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
	wait, open, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer open.Close()
	i, err := startBehind(wait, s.nursery, s.options, key.python, m.account, "--spare")
	wait.Close()
	if err != nil {
		return nil, err
	}
	pen, err := s.pen(ctx, m.hold, i.pid)
	if err == nil {
		_, err = open.Write([]byte{'\n'})
	}
	if err != nil { // the closed gate ends it
		i.line.close()
		return nil, fmt.Errorf("hold a spare interpreter: %w", err)
	}
	c := newSpare(i, pen)
	go s.watchPen(c) //nolint:gosec // it outlives the grant that is the context
	return c, nil
}

// pen is a group as the attempt's, with a name of its own and without its cards.
func (s *stable) pen(ctx context.Context, like *isolation.Spec, pid int) (*isolation.Group, error) {
	ctx, cancel := context.WithTimeout(ctx, penPatience)
	defer cancel()
	s.penned++
	return s.keeper.Hold(ctx, like.Spare(s.penned), pid, nil)
}

// watchPen empties the pen when the spare has ended, whatever became of it.
func (s *stable) watchPen(c *child) {
	<-c.done
	if err := emptyPen(context.Background(), c.pen); err != nil {
		s.options.Log.Warn().Err(err).Msg("a control group stays")
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
		if err := emptyPen(ctx, c.pen); err != nil {
			s.options.Log.Warn().Err(err).Msg("a control group stays")
		}
		cancel()
	}
}

func emptyPen(ctx context.Context, pen *isolation.Group) error {
	return errors.Join(pen.Clear(ctx, func() {}), pen.Remove())
}
