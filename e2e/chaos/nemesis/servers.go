package nemesis

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/world"
	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// serverKilledAtFinish is F11: the server dies when it has stored a result, or
// a log, before the job can be said to have ended.
func serverKilledAtFinish(d *draw) *strike { return killedAt(d, faultproxy.HTTP, "PUT /") }

// serverKilledAtSubmit is F12: the server dies when it has taken in a job, about
// when it writes it down.
func serverKilledAtSubmit(d *draw) *strike { return killedAt(d, faultproxy.HTTP, "POST /jobs ") }

// killedAt kills a server when a request with a text has reached it, after up to
// two milliseconds; if none comes for a while, at any time.
func killedAt(d *draw, protocol faultproxy.Protocol, text string) *strike {
	s, after := d.server(), d.between(0, 2*time.Millisecond)
	var links []*world.Link
	for _, l := range d.Links() {
		if l.To == s.Name && l.Protocol == protocol {
			links = append(links, l)
		}
	}
	return &strike{
		target: s.Name, touches: []string{s.Name}, lasts: d.around(),
		inject: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			await(ctx, links, text)
			pause(ctx, after)
			return s.Kill()
		},
		heal: func(ctx context.Context) error { return s.Restart(ctx) },
	}
}

// await waits until a text passes one of the links, or ctx ends.
func await(ctx context.Context, links []*world.Link, text string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, l := range links {
		seen, stop := l.Watch(faultproxy.Requests, text)
		context.AfterFunc(ctx, stop)
		go func() {
			select {
			case <-seen:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	<-ctx.Done()
}

// rollingKill is F13: one server after the other is killed and started again.
func rollingKill(d *draw) *strike {
	order := d.r.Perm(len(d.Servers))
	var touches []string
	for _, s := range d.Servers {
		touches = append(touches, s.Name)
	}
	down := d.between(0, d.timing.Expire/4)
	return &strike{
		target: "servers", touches: touches,
		inject: func(ctx context.Context) (err error) {
			for _, i := range order {
				err = errors.Join(err, d.Servers[i].Kill())
				pause(ctx, down)
				err = errors.Join(err, d.Servers[i].Restart(context.WithoutCancel(ctx)))
			}
			return err
		},
		heal: func(ctx context.Context) (err error) {
			for _, s := range d.Servers {
				err = errors.Join(err, s.Restart(ctx))
			}
			return err
		},
	}
}

// toStore are a process's links to Redis and its sentinels.
func (d *draw) toStore(name string) []*world.Link {
	return slices.DeleteFunc(d.from(name), func(l *world.Link) bool {
		return !slices.ContainsFunc(d.Store.Servers[:], func(r *world.Redis) bool { return r.Name == l.To }) &&
			!slices.ContainsFunc(d.Store.Sentinels[:], func(s *world.Sentinel) bool { return s.Name == l.To })
	})
}
