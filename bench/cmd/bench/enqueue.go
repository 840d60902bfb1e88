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
	enqueueTime  = 5 * time.Second
	payloadBytes = 200
)

// enqueue measures T3: the floor and MLQ in turn, each on a Redis of its own.
func (b *bench) enqueue(ctx context.Context) error {
	body, err := call(payloadBytes)
	if err != nil {
		return err
	}
	for rep := range b.reps {
		if err := b.enqueueFloor(ctx, body, rep+1); err != nil {
			return err
		}
		if err := b.enqueueMLQ(ctx, body, rep+1); err != nil {
			return err
		}
	}
	return nil
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
	return b.flood(ctx, report.ChiScript, rep, load.Plan{Addr: addr, Request: post(addr, "", body)})
}

func (b *bench) enqueueMLQ(ctx context.Context, body []byte, rep int) error {
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
	return b.flood(ctx, report.MLQ, rep, load.Plan{Addr: s.Addr, Request: post(s.Addr, s.Token, body)})
}

// flood sends a plan's request from all connections, a second to warm up and then for the record.
func (b *bench) flood(ctx context.Context, subject string, rep int, plan load.Plan) error {
	plan.Status, plan.Connections, plan.Duration = http.StatusCreated, connections, time.Second
	if _, err := load.Run(ctx, plan); err != nil {
		return err
	}
	plan.Duration = enqueueTime
	out, err := load.Run(ctx, plan)
	if err != nil {
		return err
	}
	s := report.Sample{Figure: "T3", Metric: "enqueue, 64 connections", Unit: "/s", Subject: subject, Rep: rep, N: out.Requests, Value: out.PerSecond()}
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
