package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// canRun refuses a need that no host seen in the last days can ever meet, and
// names the closest; class is its text. With no host ever seen nothing is refused.
func (s *Scheduler) canRun(ctx context.Context, n Need, class, unix string) error {
	key := class + "\x00" + unix
	if n.Consumer != "" || s.fleet.knows(key) { // a consumer may begin at any time
		return nil
	}
	asked := time.Now()
	for l := s.fleet.fresh(); ; {
		why := ""
		if l != nil {
			why = cannotRun(n, unix, l.hosts, l.now)
		}
		switch {
		case l != nil && why == "":
			s.fleet.learn(key, l)
			return nil
		case l != nil && !l.began.Before(asked): // a host that had joined before the submit is in it
			return fmt.Errorf("%w: %s", unfit(n, unix, l.hosts, l.now), why)
		}
		var err error
		if l, err = s.lookAtFleet(ctx); err != nil {
			return err
		}
	}
}

// unfit tells a job that only its pickle's Python keeps from running apart
// from all others that can never run.
func unfit(n Need, unix string, hosts []Host, now time.Time) error {
	call := n.Call
	n.Call = ""
	if call != "" && cannotRun(n, unix, hosts, now) == "" {
		return ErrVersionMismatch
	}
	return ErrUnsatisfiable
}

// lookWithin bounds a look that nobody may be waiting for any more.
const lookWithin = 30 * time.Second

// lookAtFleet reads all hosts, once for all that want to at the same time: on a
// large fleet that is megabytes, and a thousand submits would each read them. The look
// may have begun before the call. It does not end with the one who was first.
func (s *Scheduler) lookAtFleet(ctx context.Context) (*look, error) {
	done := s.fleet.looks.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin)
		defer cancel()
		return s.look(ctx)
	})
	select {
	case r := <-done:
		l, _ := r.Val.(*look)
		return l, r.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("list hosts: %w", errors.Join(ctx.Err(), context.Cause(ctx)))
	}
}

func (s *Scheduler) look(ctx context.Context) (*look, error) {
	l := &look{began: time.Now()}
	var err error
	if l.hosts, err = s.Hosts(ctx); err != nil {
		return nil, err
	}
	if l.now, err = s.Now(ctx); err != nil {
		return nil, err
	}
	l.hosts = remembered(l.hosts, l.now)
	l.picture = pictureOf(l.hosts)
	for i := range l.hosts { // what is kept has no lists of modules: they are most of an inventory
		for j := range l.hosts[i].Environments {
			l.hosts[i].Environments[j].Modules = nil
		}
	}
	s.fleet.keep(l)
	return l, nil
}
