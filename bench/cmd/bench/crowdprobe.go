package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/bench/internal/stand"
)

// under does something with the normal client beside it.
func (m *crowdMeasure) under(ctx context.Context, subject string, do func() error) error {
	cpu, err := m.server.CPU()
	if err != nil {
		return err
	}
	began := time.Now()
	asking, stop := context.WithCancel(ctx)
	var probe []float64
	var refused int
	var all sync.WaitGroup
	all.Go(func() { probe, refused = m.probe(asking) })
	err = do()
	stop()
	all.Wait()
	if err != nil {
		return fmt.Errorf("%s: %w", subject, err)
	}
	spent, err := m.server.CPU()
	if err != nil {
		return err
	}
	rss, err := stand.RSS(m.server.Pids())
	if err != nil {
		return err
	}
	for _, v := range []struct {
		metric, unit string
		value        float64
	}{
		{"server memory", "MiB", float64(rss) / (1 << 20)},
		{"server", "cores", (spent - cpu).Seconds() / time.Since(began).Seconds()},
		{"answered of the normal client", "", float64(len(probe))},
		{"refused of the normal client", "", float64(refused)},
	} {
		if err := m.say(v.metric, v.unit, subject, v.value); err != nil {
			return err
		}
	}
	if len(probe) == 0 { // the server was too busy to answer even one: the row above says so
		return nil
	}
	s := m.sample
	s.Metric, s.Unit, s.Subject = "a normal client's submit", "ms", subject
	return m.percentiles(s, probe)
}

// probe is the normal client: it submits at its times, whether or not the submits before are answered.
func (m *crowdMeasure) probe(ctx context.Context) (millis []float64, refused int) {
	body, err := call(payloadBytes)
	if err != nil {
		return nil, 1
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for due := time.Now(); pause(ctx, time.Until(due)) == nil; due = due.Add(probeEvery) {
		all.Go(func() {
			_, err := submitOne(ctx, m.server, string(body))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				millis = append(millis, float64(time.Since(due).Microseconds())/1e3)
			case ctx.Err() == nil:
				refused++
			}
		})
	}
	all.Wait()
	return millis, refused
}

// submitFew submits so many jobs, some per second.
func (m *crowdMeasure) submitFew(ctx context.Context, n int) error {
	body, err := call(payloadBytes)
	if err != nil {
		return err
	}
	for i, began := 0, time.Now(); i < n; i++ {
		if _, err := submitOne(ctx, m.server, string(body)); err != nil {
			return err
		}
		if err := pause(ctx, time.Until(began.Add(time.Duration(i+1)*time.Second/readersJobs))); err != nil {
			return err
		}
	}
	return nil
}
