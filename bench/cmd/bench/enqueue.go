package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/bench/internal/load"
	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
	"github.com/mlq-dev/mlq/internal/envelope"
)

const (
	connections  = 64
	mostQueued   = 100_000 // waiting jobs that a server allows one user
	enqueueTime  = 5 * time.Second
	payloadBytes = 200
)

// enqueue measures T3: the floor and MLQ in turn, each on a Redis of its own.
func (b *bench) enqueue(ctx context.Context) error {
	body, err := call(payloadBytes)
	if err != nil {
		return err
	}
	return b.repeated(func(rep int) error {
		if err := b.enqueueFloor(ctx, body, rep); err != nil {
			return err
		}
		return b.served(ctx, func(r *stand.Redis, s *stand.Server) error { return b.enqueueOn(ctx, r, s, body, rep) })
	})
}

func (b *bench) enqueueFloor(ctx context.Context, body []byte, rep int) error {
	r, err := stand.StartRedis(ctx, b.out)
	if err != nil {
		return err
	}
	defer r.Stop()
	addr, p, err := stand.ChiScript(ctx, b.program("chiscript"), r)
	if err != nil {
		return err
	}
	defer p.Stop()
	spenders := []spender{{"server", p.CPU}, {"Redis", r.CPU}}
	return b.flood(ctx, report.ChiScript, rep, load.Plan{Addr: addr, Request: post(addr, "", body)}, spenders)
}

func (b *bench) enqueueOn(ctx context.Context, r *stand.Redis, s *stand.Server, body []byte, rep int) error {
	spenders := []spender{{"server", s.CPU}, {"Redis", r.CPU}}
	return b.flood(ctx, report.MLQ, rep, load.Plan{Addr: s.Addr, Request: post(s.Addr, s.Token, body)}, spenders)
}

// flood sends a plan's request from all connections, a second to warm up and then for the record.
func (b *bench) flood(ctx context.Context, subject string, rep int, plan load.Plan, spenders []spender) error {
	plan.Status, plan.Connections, plan.Duration, plan.Count = http.StatusCreated, connections, time.Second, mostQueued/10
	if _, err := load.Run(ctx, plan); err != nil {
		return err
	}
	plan.Duration, plan.Count = enqueueTime, mostQueued*9/10
	s := report.Sample{Figure: "T3", Subject: subject, Rep: rep}
	out, err := b.spent(spenders, func() (load.Outcome, error) { return load.Run(ctx, plan) }, s)
	if err != nil {
		return err
	}
	s.Metric, s.Unit, s.N, s.Value = "enqueue, 64 connections", "/s", out.Requests, out.PerSecond()
	if err := b.add(s); err != nil {
		return err
	}
	s.Metric, s.Unit = "enqueue, answer", "ms"
	return b.percentiles(s, out.Millis)
}

func post(addr, token string, body []byte) []byte {
	return load.Post(addr, "/jobs", envelope.Media, token, body)
}

// call is an envelope with frames of the given size together: what the Python
// client sends, though nobody will run it.
func call(payload int) ([]byte, error) {
	code := strings.Repeat("c", payload/2)
	body, err := envelope.Encode(envelope.Header{Kind: envelope.KindCall, Function: "noop", Python: "3.11.7", Cloudpickle: "3.1.1"},
		envelope.Part{Name: "code", Data: []byte(code)}, envelope.Part{Name: "args", Data: []byte(code)})
	if err != nil {
		return nil, fmt.Errorf("make a call: %w", err)
	}
	return body, nil
}

// spender is a process whose time on a core is known.
type spender struct {
	name string
	cpu  func() (time.Duration, error)
}

// spent runs do and adds what each process spent per request of it.
func (b *bench) spent(spenders []spender, do func() (load.Outcome, error), s report.Sample) (load.Outcome, error) {
	before := make([]time.Duration, len(spenders))
	for i, p := range spenders {
		var err error
		if before[i], err = p.cpu(); err != nil {
			return load.Outcome{}, err
		}
	}
	out, err := do()
	if err != nil {
		return out, err
	}
	for i, p := range spenders {
		after, err := p.cpu()
		if err != nil {
			return out, err
		}
		s.Metric, s.Unit, s.N = "core time per enqueue, "+p.name, "µs", out.Requests
		s.Value = float64((after - before[i]).Microseconds()) / float64(out.Requests)
		if err := b.add(s); err != nil {
			return out, err
		}
	}
	return out, nil
}
