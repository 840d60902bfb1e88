package world

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/internal/lockfile"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// AllEnded waits until every job has reached a final state, at most for so long.
func (w *World) AllEnded(ctx context.Context, within time.Duration) error {
	return until(ctx, within, func(ctx context.Context) error {
		if n, err := w.unended(ctx); n != 0 || err != nil {
			return errors.Join(fmt.Errorf("%d jobs have not ended", n), err)
		}
		return nil
	})
}

// Crowded reports whether more than so many jobs have not ended. A store that does not
// answer says nothing.
func (w *World) Crowded(ctx context.Context, most int64) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	n, err := w.unended(ctx)
	return err == nil && n > most
}

func (w *World) unended(ctx context.Context) (n int64, err error) {
	var counts map[scheduler.State]int64
	if err := w.Ask(ctx, http.MethodGet, "/jobs/count?by=state", "", &counts); err != nil {
		return 0, err
	}
	for state, count := range counts {
		if !state.Final() {
			n += count
		}
	}
	return n, nil
}

// Jobs calls see with every job that there is.
func (w *World) Jobs(ctx context.Context, see func(*api.Job) error) error {
	path := "/jobs?limit=200"
	for {
		var page api.Page
		if err := w.Ask(ctx, http.MethodGet, path, "", &page); err != nil {
			return err
		}
		for i := range page.Jobs {
			if err := see(&page.Jobs[i]); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		path = "/jobs?limit=200&before=" + page.Next
	}
}

// Findings are what a check of the store finds, which repairs it.
func (w *World) Findings(ctx context.Context) ([]record.Finding, error) {
	master, err := w.Store.Master(ctx)
	if err != nil {
		return nil, err
	}
	st, err := redisstore.Open(ctx, fmt.Sprintf("redis://mlq:pw@%s/0?namespace=%s", local(master.port), namespace))
	if err != nil {
		return nil, err
	}
	defer st.Close()
	s, err := scheduler.New(st, scheduler.Options{Timing: scheduler.DefaultTiming().Scale(w.opts.Scale)})
	if err != nil {
		return nil, err
	}
	report, err := s.Check(ctx)
	if err != nil {
		return nil, err
	}
	var all []record.Finding
	for _, text := range report.Repairs {
		all = append(all, record.Finding{Text: text})
	}
	// The servers check too. Their logs say what they found; the store counts all of it.
	n, err := master.Client.Get(ctx, "mlq:{"+namespace+"}:live:repairs").Int()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	if n > len(all) {
		all = append(all, record.Finding{Text: fmt.Sprintf("servers repaired the store %d times", n-len(all))})
	}
	return all, nil
}

// Orphans are what jobs have left behind on the hosts: processes, locks of
// devices. It is to be asked when no job is there that has not ended.
func (w *World) Orphans() ([]record.Orphan, error) {
	var all []record.Orphan
	for _, h := range w.Hosts {
		for _, p := range h.lives() {
			if p.job {
				line := strings.ReplaceAll(string(p.line), "\x00", " ")
				all = append(all, record.Orphan{Host: h.Name, What: fmt.Sprintf("process %d of a job: %s", p.pid, line)})
			}
		}
	}
	paths, err := filepath.Glob(filepath.Join(w.opts.Dir, "locks", "*"))
	if err != nil {
		return nil, err
	}
	held, err := lockfile.ReadTable()
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		pid, locked, err := held.Holder(path)
		if err != nil {
			return nil, err
		}
		if locked {
			all = append(all, record.Orphan{What: fmt.Sprintf("process %d holds the lock of a job, %s", pid, path)})
		}
	}
	return all, nil
}
