package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/data"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// CollectorOptions of a Collector. The zero value of a time means its default.
type CollectorOptions struct {
	Scheduler *scheduler.Scheduler
	Store     store.Store // for the functions and the folder's identity
	Tokens    *auth.Tokens
	Folder    *blob.Folder
	Log       zerolog.Logger
	Metrics   *prometheus.Registry

	// After is for how long nobody must have touched what is removed; 24 h. A
	// blob is touched by its upload, by a submit that names it and by a HEAD.
	After time.Duration
	// InTrash is how long a blob that nothing names can still be brought back; 1 h.
	InTrash time.Duration
	Every   time.Duration // 1 h, among all servers of the folder
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Collector removes the blobs and logs of a folder that nothing in the store
// names any more (internal/blob/trash.go has the order of steps, and why).
// Several servers may run one on the same folder.
type Collector struct {
	opts    CollectorOptions
	metrics *collectMetrics
}

// NewCollector makes a collector; it starts nothing.
func NewCollector(opts CollectorOptions) *Collector {
	fill(&opts.After, 24*time.Hour)
	fill(&opts.InTrash, time.Hour)
	fill(&opts.Every, time.Hour)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Metrics == nil {
		opts.Metrics = prometheus.NewRegistry()
	}
	return &Collector{opts: opts, metrics: newCollectMetrics(opts.Metrics)}
}

// Run collects until ctx ends. A failure is logged, and what it left is there
// the next time.
func (c *Collector) Run(ctx context.Context) error {
	tick := time.NewTicker(max(c.opts.Every/10, time.Second))
	defer tick.Stop()
	for {
		if err := c.turn(ctx); err != nil && ctx.Err() == nil {
			c.metrics.failures.Inc()
			c.opts.Log.Error().Err(err).Msg("the collection of blobs failed, it goes on trying")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// turn collects if no server of the folder did so lately. Who may not collect
// does not say that it does.
func (c *Collector) turn(ctx context.Context) error {
	if err := c.checkStore(ctx); err != nil {
		return err
	}
	due, err := c.Due()
	if err != nil || !due {
		return err
	}
	if _, err = c.Collect(ctx); errors.Is(err, errHeld) {
		return nil
	}
	return err
}

// errHeld: a backup is being taken, and all must stay that its records name.
var errHeld = errors.New("the blobs are held for a backup")

// checkHeld is asked right before anything is removed.
func (c *Collector) checkHeld() error {
	until, err := c.opts.Folder.Held()
	if err == nil && until.After(c.opts.Now()) {
		err = errHeld
	}
	return err
}

// Due reports whether no server of the folder has collected lately, and notes
// that this one does now. Two that ask at once may both be told so: that is
// work for nothing, and no harm.
func (c *Collector) Due() (bool, error) {
	last, err := c.opts.Folder.LastSweep()
	now := c.opts.Now()
	if err != nil || now.Sub(last) < c.opts.Every && !last.After(now) {
		return false, err
	}
	return true, c.opts.Folder.NoteSweep(now)
}

// Collect goes through the folder once and returns what it removed, also where
// it failed half-way.
func (c *Collector) Collect(ctx context.Context) (all blob.Swept, err error) {
	defer func() { c.tell(all) }()
	if err := c.checkStore(ctx); err != nil {
		return all, err
	}
	if _, err := data.New(c.opts.Store).Expire(ctx); err != nil {
		return all, fmt.Errorf("collect: %w", err)
	}
	now := c.opts.Now()
	for _, step := range []func(context.Context, time.Time) (blob.Swept, error){c.uploads, c.logs, c.blobs} {
		if err := c.checkHeld(); err != nil {
			return all, fmt.Errorf("collect: %w", err)
		}
		swept, err := step(ctx, now)
		all = sum(all, swept)
		if err != nil {
			return all, fmt.Errorf("collect: %w", err)
		}
	}
	c.metrics.last.Set(float64(now.Unix()))
	return all, nil
}

func sum(a, b blob.Swept) blob.Swept {
	return blob.Swept{Blobs: a.Blobs + b.Blobs, Logs: a.Logs + b.Logs, Uploads: a.Uploads + b.Uploads, Bytes: a.Bytes + b.Bytes}
}

// errOtherStore tells what to do, for the log.
var errOtherStore = errors.New("the folder has blobs of another store, or of this one before it was emptied; " +
	"if that is gone for good, remove the file store in the folder")

// checkStore: a store that was emptied or exchanged names nothing. Nobody may
// conclude from it that nothing is needed.
func (c *Collector) checkStore(ctx context.Context) error {
	known, _, err := readBlobFolder(ctx, c.opts.Store)
	if err != nil {
		return err
	}
	if known.Store == "" || known.Identity != c.opts.Folder.Identity() {
		return errOtherStore
	}
	owner, err := c.opts.Folder.Owner(known.Store)
	if err == nil && owner != known.Store {
		err = errOtherStore
	}
	return err
}

func (c *Collector) uploads(ctx context.Context, now time.Time) (blob.Swept, error) {
	return c.opts.Folder.SweepUploads(ctx, now.Add(-c.opts.After))
}

func (c *Collector) logs(ctx context.Context, now time.Time) (blob.Swept, error) {
	return c.opts.Folder.SweepLogs(ctx, now.Add(-c.opts.After), func(jobs []int64) (map[int64]bool, error) {
		ids := make([]scheduler.JobID, len(jobs))
		for i, id := range jobs {
			ids[i] = scheduler.JobID(id)
		}
		kept, err := c.opts.Scheduler.Known(ctx, ids)
		known := make(map[int64]bool, len(kept))
		for id := range kept {
			known[int64(id)] = true
		}
		return known, errors.Join(err, c.checkHeld())
	})
}

// blobs marks what is named, deletes what has been in the trash since well
// before that, and only then moves more there. It asks the store only if there
// is something old.
func (c *Collector) blobs(ctx context.Context, now time.Time) (blob.Swept, error) {
	before := now.Add(-c.opts.After)
	stale, err := c.opts.Folder.Stale(ctx, before)
	if err != nil || !stale {
		return blob.Swept{}, err
	}
	if err := c.mark(ctx, now.Add(-c.opts.After/4)); err != nil {
		return blob.Swept{}, err
	}
	if err := c.checkHeld(); err != nil {
		return blob.Swept{}, err
	}
	swept, err := c.opts.Folder.EmptyTrash(ctx, now.Add(-c.opts.InTrash))
	if err != nil {
		return swept, err
	}
	n, err := c.opts.Folder.Discard(ctx, before, c.opts.Now())
	c.metrics.discarded.Add(float64(n))
	return swept, err
}

func (c *Collector) tell(s blob.Swept) {
	c.metrics.add(s)
	if s == (blob.Swept{}) {
		return
	}
	c.opts.Log.Info().Int("blobs", s.Blobs).Int("logs", s.Logs).Int("uploads", s.Uploads).Int64("bytes", s.Bytes).
		Msg("removed what no job names any more")
}
