package callback

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/scheduler"
)

// Options of a Sender.
type Options struct {
	Scheduler *scheduler.Scheduler
	Policy    Policy
	Log       zerolog.Logger
	Metrics   *prometheus.Registry
	Version   string // for the header User-Agent
}

// How many are sent at once, so that somebody's application that hangs delays
// neither the callbacks of others nor anything else of the server.
const (
	atOnce        = 64
	atOnceOfUser  = 4
	pageSize      = 512
	pages         = 16                    // that one look goes through
	betweenLooks  = 20 * time.Millisecond // at least
	afterStop     = time.Second           // for what is under way when the server stops
	recordingTime = 10 * time.Second      // for telling the store of a try
)

// Sender sends the callbacks of a store, together with those of other servers.
type Sender struct {
	opts    Options
	client  *http.Client
	metrics *metrics
}

// New makes a sender; it starts nothing.
func New(o Options) *Sender {
	return &Sender{opts: o, client: newClient(o.Policy), metrics: newMetrics(o.Metrics)}
}

// Run sends until ctx ends; what is under way then has a moment to end.
func (s *Sender) Run(ctx context.Context) error {
	r := round{sender: s, jobs: map[scheduler.JobID]string{}, users: map[string]int{}, ended: make(chan scheduler.JobID, atOnce)}
	wake := s.wakes(ctx)
	tick := time.NewTicker(s.opts.Scheduler.Timing().PromoteEvery)
	defer tick.Stop()
	quiet := time.NewTicker(betweenLooks)
	defer quiet.Stop()
	last := ""
	for {
		last = s.tell(r.look(ctx), last)
		select {
		case <-ctx.Done():
			r.drain()
			return nil
		case <-wake:
		case <-tick.C:
		case id := <-r.ended:
			r.end(id)
			r.collect()
		}
		select {
		case <-quiet.C: // many at once are looked for once
		case <-ctx.Done():
		}
	}
}

// tell logs an error when it is new.
func (s *Sender) tell(err error, last string) string {
	if err == nil {
		return ""
	}
	if err.Error() != last {
		s.opts.Log.Error().Err(err).Msg("callbacks cannot be looked for, it goes on trying")
	}
	return err.Error()
}

// wakes hints that a job has ended. Without hints the ticks find it.
func (s *Sender) wakes(ctx context.Context) <-chan struct{} {
	wake := make(chan struct{}, 1)
	changes, err := s.opts.Scheduler.Changes(ctx)
	if err != nil {
		s.opts.Log.Warn().Err(err).Msg("no hints of ended jobs: callbacks are looked for every second")
		return wake
	}
	go func() {
		for c := range changes {
			if !c.Lost && !c.State.Final() {
				continue
			}
			select {
			case wake <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	return wake
}

// one takes, sends and records one callback.
func (s *Sender) one(ctx context.Context, id scheduler.JobID) {
	asked := time.Now()
	job, ok, err := s.opts.Scheduler.TakeCallback(ctx, id)
	if err != nil {
		s.opts.Log.Warn().Err(err).Int64("job", int64(id)).Msg("the callback could not be taken")
	}
	if err != nil || !ok {
		return
	}
	sending, cancel := outlive(ctx)
	defer cancel()
	began := time.Now()
	// The time for it runs from when it was taken, which the store may have told late:
	// with less than a try left another server may have it while this one sends.
	how, text := unsent, ""
	if began.Sub(asked) <= 2*s.opts.Scheduler.Timing().CallbackTry {
		how, text = s.try(sending, &job)
	}
	s.metrics.tried(how, time.Since(began))
	recording, done := context.WithTimeout(context.WithoutCancel(ctx), recordingTime)
	defer done()
	after, err := s.opts.Scheduler.EndCallback(recording, id, job.Callback.Taken, scheduler.CallbackTry{
		Unsent: how == unsent, Delivered: how == delivered, Text: text,
	})
	if err != nil {
		s.opts.Log.Warn().Err(err).Int64("job", int64(id)).Str("try", text).Msg("a callback was sent and could not be recorded: it may be sent again")
		return
	}
	if after.State == scheduler.CallbackFailed {
		s.opts.Log.Info().Int64("job", int64(id)).Str("last", text).Msg("a callback was given up")
	}
	s.metrics.ended(after.State)
}

// outlive gives a context that ends a moment after the given one.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	sending, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(afterStop, func() { cancel(errStops) })
	})
	return sending, func() { stop(); cancel(nil) }
}
