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
	return b.repeated(func(rep int) error {
		if err := b.memoryOf(ctx, "Redis memory per queued job", "application/json", json, rep); err != nil {
			return err
		}
		metric := fmt.Sprintf("Redis memory per queued Python call of %d bytes", len(python))
		return b.memoryOf(ctx, metric, envelope.Media, python, rep)
	})
}

func (b *bench) memoryOf(ctx context.Context, metric, contentType string, body []byte, rep int) error {
	return b.served(ctx, func(r *stand.Redis, s *stand.Server) error {
		added, err := memoryAdded(ctx, r, s, contentType, body)
		if err != nil {
			return err
		}
		return b.add(report.Sample{
			Figure: "T6", Metric: metric, Unit: "bytes", Subject: report.MLQ, Rep: rep,
			N: queuedJobs, Value: float64(added) / queuedJobs,
		})
	})
}

// memoryAdded is what queuedJobs jobs of this body add to what Redis uses.
func memoryAdded(ctx context.Context, r *stand.Redis, s *stand.Server, contentType string, body []byte) (int64, error) {
	// A message is queued only where some function is registered.
	register := load.Plan{
		Addr: s.Addr, Request: load.Post(s.Addr, "/consumer", "application/octet-stream", s.Token, []byte("cbuiltins\nlen\n.")),
		Status: http.StatusCreated, Connections: 1, Count: 1, Duration: time.Minute,
	}
	if _, err := load.Run(ctx, register); err != nil {
		return 0, err
	}
	plan := load.Plan{
		Addr: s.Addr, Request: load.Post(s.Addr, "/jobs", contentType, s.Token, body),
		Status: http.StatusCreated, Connections: connections, Count: connections, Duration: time.Minute,
	}
	if _, err := load.Run(ctx, plan); err != nil { // scripts and connections are there now
		return 0, err
	}
	before, err := r.UsedMemory(ctx)
	if err != nil {
		return 0, err
	}
	plan.Count = queuedJobs
	if _, err := load.Run(ctx, plan); err != nil {
		return 0, err
	}
	after, err := r.UsedMemory(ctx)
	return after - before, err
}
