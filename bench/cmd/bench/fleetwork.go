package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mlq-dev/mlq/bench/internal/fleet"
	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// fleetMeasure measures a fleet that works.
type fleetMeasure struct {
	*bench
	fleet  *fleet.Fleet
	redis  *stand.Redis
	server *stand.Server
	users  *scheduler.Scheduler
	sample report.Sample
}

// rest is the fleet to which no job comes.
func (m *fleetMeasure) rest(ctx context.Context) error {
	return m.over("at rest", func() error { return pause(ctx, fleetRest) })
}

// work is the fleet with jobs that come over HTTP, at random times.
func (m *fleetMeasure) work(ctx context.Context) error {
	var jobs []scheduler.JobID
	err := m.over(fmt.Sprintf("%d jobs/s", fleetRate), func() (err error) {
		jobs, err = m.submitFor(ctx, fleetLook)
		return err
	})
	if err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil { // the last ones start
		return err
	}
	starts, err := m.starts(ctx, jobs)
	if err != nil {
		return err
	}
	s := m.sample
	s.Metric, s.Unit = "submit to start", "ms"
	return m.percentiles(s, starts)
}

// over measures what is spent while something is done.
func (m *fleetMeasure) over(when string, do func() error) error {
	spenders := []spender{{"Redis", m.redis.CPU}, {"server", m.server.CPU}}
	before := make([]time.Duration, len(spenders))
	for i, p := range spenders {
		var err error
		if before[i], err = p.cpu(); err != nil {
			return err
		}
	}
	m.fleet.Tally.Reset()
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	took := time.Since(began)
	s := m.sample
	s.Unit = "cores"
	for i, p := range spenders {
		after, err := p.cpu()
		if err != nil {
			return err
		}
		s.Metric, s.Value = p.name+", "+when, (after-before[i]).Seconds()/took.Seconds()
		if err := m.add(s); err != nil {
			return err
		}
	}
	if err := m.memory(when); err != nil {
		return err
	}
	return m.counts(when, took)
}

// memory adds what server and Redis have.
func (m *fleetMeasure) memory(when string) error {
	s := m.sample
	s.Unit = "MiB"
	for _, p := range []struct {
		name string
		pids []int
	}{{"Redis", m.redis.Pids()}, {"server", m.server.Pids()}} {
		bytes, err := stand.RSS(p.pids)
		if err != nil {
			return err
		}
		s.Metric, s.Value = p.name+" memory, "+when, float64(bytes)/(1<<20)
		if err := m.add(s); err != nil {
			return err
		}
	}
	return nil
}

// counts adds what the hosts did. No lease may have been lost meanwhile.
func (m *fleetMeasure) counts(when string, took time.Duration) error {
	counts, renewals, trouble := m.fleet.Tally.Read()
	if counts.Gone > 0 {
		return fmt.Errorf("%w: %d leases were lost", errFleet, counts.Gone)
	}
	if counts.Failed > counts.Renewals/100 {
		return fmt.Errorf("%w: %d calls failed, the first by %w", errFleet, counts.Failed, trouble)
	}
	s := m.sample
	s.Unit = "/s"
	for _, c := range []struct {
		name string
		n    int
	}{{"renewals", counts.Renewals}, {"views", counts.Views}, {"claims", counts.Claims}, {"claims that came too late", counts.Beaten}, {"calls that failed", counts.Failed}} {
		s.Metric, s.Value = c.name+", "+when, float64(c.n)/took.Seconds()
		if err := m.add(s); err != nil {
			return err
		}
	}
	s.Metric, s.Unit = "a renewal, "+when, "ms"
	return m.percentiles(s, renewals)
}

// submitFor submits single jobs at exponential distances, whether or not the
// ones before are answered.
func (m *fleetMeasure) submitFor(ctx context.Context, long time.Duration) (jobs []scheduler.JobID, err error) {
	body, err := call(payloadBytes)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	refused := 0
	group, ctx := errgroup.WithContext(ctx)
	for next, end := time.Now(), time.Now().Add(long); next.Before(end); {
		if err := pause(ctx, time.Until(next)); err != nil {
			break // the group says why
		}
		group.Go(func() error {
			id, err := submitOne(ctx, m.server, string(body))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				jobs = append(jobs, id)
			} else {
				refused++
			}
			return ctx.Err()
		})
		next = next.Add(time.Duration(rand.ExpFloat64() * float64(time.Second) / fleetRate))
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("%w: all %d submits were refused", errFleet, refused)
	}
	s := m.sample
	s.Metric, s.Unit, s.N, s.Value = "submits refused", "", len(jobs)+refused, float64(refused)
	return jobs, m.add(s)
}

func submitOne(ctx context.Context, s *stand.Server, body string) (scheduler.JobID, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/jobs", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", envelope.Media)
	r.Header.Set("Authorization", "Bearer "+s.Token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }() // all that counts was read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, fmt.Errorf("submit: %s: %w", answer.Status, err)
	}
	if answer.StatusCode != http.StatusCreated {
		return 0, fmt.Errorf("submit: %s %.300s", answer.Status, text)
	}
	var id int64
	err = json.Unmarshal(text, &id)
	return scheduler.JobID(id), err
}

// starts are the milliseconds from submit to start of these jobs, by their records.
func (m *fleetMeasure) starts(ctx context.Context, jobs []scheduler.JobID) ([]float64, error) {
	var millis []float64
	for _, id := range jobs {
		job, err := m.users.Job(ctx, id)
		if err != nil {
			return nil, err
		}
		if len(job.Attempts) == 0 || job.Attempts[0].Started.IsZero() {
			return nil, fmt.Errorf("%w: job %d has not started", errFleet, id)
		}
		millis = append(millis, float64(job.Attempts[0].Started.Sub(job.Submitted).Microseconds())/1e3)
	}
	return millis, nil
}
