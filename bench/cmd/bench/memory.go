package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/bench/internal/load"
	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
	"github.com/mlq-dev/mlq/internal/envelope"
)

// queuedJobs is how many jobs the memory is divided by. With those that warm
// up they are all that one user may have waiting.
const queuedJobs = mostQueued - connections

// memory measures T6: what 100,000 jobs, each submitted by a request of its
// own, add to Redis's used_memory. The body of a JSON job has 200 bytes; a
// Python call has 200 bytes of frames, and its header.
func (b *bench) memory(ctx context.Context) error {
	python, err := call(payloadBytes)
	if err != nil {
		return err
	}
	filler := bytes.Repeat([]byte("m"), payloadBytes-len(`{"msg":""}`))
	json := fmt.Appendf(nil, `{"msg":%q}`, filler)
	for rep := range b.reps {
		if err := b.memoryOf(ctx, "Redis memory per queued job", "application/json", json, rep+1); err != nil {
			return err
		}
		metric := fmt.Sprintf("Redis memory per queued Python call of %d bytes", len(python))
		if err := b.memoryOf(ctx, metric, envelope.Media, python, rep+1); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) memoryOf(ctx context.Context, metric, contentType string, body []byte, rep int) error {
	r, err := stand.StartRedis(ctx, b.out)
	if err != nil {
		return err
	}
	defer r.Stop()
	s, err := stand.Serve(ctx, b.program("mlq"), r)
	if err != nil {
		return err
	}
	defer s.Stop()
	// A message is queued only where some function is registered.
	register := load.Plan{
		Addr: s.Addr, Request: load.Post(s.Addr, "/consumer", "application/octet-stream", s.Token, []byte("cbuiltins\nlen\n.")),
		Status: http.StatusCreated, Connections: 1, Count: 1, Duration: time.Minute,
	}
	if _, err := load.Run(ctx, register); err != nil {
		return err
	}
	plan := load.Plan{
		Addr: s.Addr, Request: load.Post(s.Addr, "/jobs", contentType, s.Token, body),
		Status: http.StatusCreated, Connections: connections, Count: connections, Duration: time.Minute,
	}
	if _, err := load.Run(ctx, plan); err != nil { // scripts and connections are there now
		return err
	}
	before, err := r.UsedMemory(ctx)
	if err != nil {
		return err
	}
	plan.Count = queuedJobs
	if _, err := load.Run(ctx, plan); err != nil {
		return err
	}
	after, err := r.UsedMemory(ctx)
	if err != nil {
		return err
	}
	return b.add(report.Sample{
		Figure: "T6", Metric: metric, Unit: "bytes", Subject: report.MLQ, Rep: rep,
		N: queuedJobs, Value: float64(after-before) / queuedJobs,
	})
}
