package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/bench/internal/crowd"
	"github.com/mlq-dev/mlq/bench/internal/load"
	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
)

// The crowds of `load`.
const (
	manyConnections = 1_000
	crowdFlood      = 5 * time.Second
	slowSenders     = 1_000
	idleConnections = 15_000
	eventReaders    = 1_000
	crowdLook       = 12 * time.Second // longer than a slow sender is borne with
	crowdAfter      = 5 * time.Second
	probeEvery      = 50 * time.Millisecond // of the normal client
	readersJobs     = 20                    // per second, while readers listen
)

// crowds measures memory and answers of a server under crowds: each on a
// server of its own, with a normal client beside it.
func (b *bench) crowds(ctx context.Context) error {
	return b.repeated(func(rep int) error {
		for _, do := range []func(*crowdMeasure, context.Context) error{
			(*crowdMeasure).nobody, (*crowdMeasure).enqueueing, (*crowdMeasure).asking,
			(*crowdMeasure).slow, (*crowdMeasure).idle, (*crowdMeasure).oneAddress, (*crowdMeasure).readers,
		} {
			if err := b.served(ctx, func(r *stand.Redis, s *stand.Server) error {
				return do(&crowdMeasure{bench: b, redis: r, server: s, sample: report.Sample{Figure: "load", Rep: rep}}, ctx)
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

type crowdMeasure struct {
	*bench
	redis  *stand.Redis
	server *stand.Server
	sample report.Sample
}

// nobody is the normal client alone, for scale.
func (m *crowdMeasure) nobody(ctx context.Context) error {
	return m.under(ctx, "nobody else", func() error { return pause(ctx, crowdLook/2) })
}

func (m *crowdMeasure) enqueueing(ctx context.Context) error {
	body, err := call(payloadBytes)
	if err != nil {
		return err
	}
	return m.flood(ctx, "enqueueing", load.Plan{Request: post(m.server.Addr, m.server.Token, body), Status: http.StatusCreated})
}

func (m *crowdMeasure) asking(ctx context.Context) error {
	if err := m.submitFew(ctx, 1); err != nil {
		return err
	}
	return m.flood(ctx, "asking for a job", load.Plan{Request: m.get("/jobs/1"), Status: http.StatusOK})
}

// flood sends from 64 connections, then from 1,000: within what one address may have.
func (m *crowdMeasure) flood(ctx context.Context, what string, plan load.Plan) error {
	plan.Addr, plan.Duration, plan.Count = m.server.Addr, crowdFlood, mostQueued/3
	for _, n := range []int{connections, manyConnections} {
		plan.Connections = n
		subject := fmt.Sprintf("%s connections %s", report.Digits(float64(n)), what)
		var out load.Outcome
		err := m.under(ctx, subject, func() (err error) {
			out, err = load.Run(ctx, plan)
			return err
		})
		if err != nil {
			return err
		}
		if err := m.say("requests", "/s", subject, out.PerSecond()); err != nil {
			return err
		}
		s := m.sample
		s.Metric, s.Unit, s.Subject = "an answer", "ms", subject
		if err := m.percentiles(s, out.Millis); err != nil {
			return err
		}
	}
	return nil
}

// slow is half bodies and half headers that come at a byte a second.
func (m *crowdMeasure) slow(ctx context.Context) error {
	subject := report.Digits(slowSenders) + " senders of 1 B/s"
	head := "POST /jobs HTTP/1.1\r\nHost: " + m.server.Addr + "\r\nAuthorization: Bearer " + m.server.Token + "\r\nContent-Type: application/json\r\n"
	body, err := crowd.Gather(ctx, m.server.Addr, slowSenders/2, crowd.Spread, []byte(head+"Content-Length: 100000\r\n\r\n{\"msg\":\""), crowd.Trickle(time.Second))
	if err != nil {
		return err
	}
	defer body.Leave()
	header, err := crowd.Gather(ctx, m.server.Addr, slowSenders/2, crowd.Spread, []byte(head+"X-Slow: "), crowd.Trickle(time.Second))
	if err != nil {
		return err
	}
	defer header.Leave()
	if err := m.under(ctx, subject, func() error { return pause(ctx, crowdLook) }); err != nil {
		return err
	}
	return m.say("still held after 12 s", "", subject, float64(body.Open()+header.Open()))
}

// idle is machines whose connections were served once and say nothing more.
func (m *crowdMeasure) idle(ctx context.Context) error {
	return m.hold(ctx, report.Digits(idleConnections)+" idle connections", idleConnections, func() (*crowd.Crowd, error) {
		return crowd.Gather(ctx, m.server.Addr, idleConnections, crowd.Spread, m.get("/healthz"), nil)
	})
}

// oneAddress is the same from one machine, which may have 1,024.
func (m *crowdMeasure) oneAddress(ctx context.Context) error {
	return m.hold(ctx, report.Digits(idleConnections)+" idle connections of one address", idleConnections, func() (*crowd.Crowd, error) {
		return crowd.Gather(ctx, m.server.Addr, idleConnections, crowd.One, m.get("/healthz"), nil)
	})
}

// readers listen to all events while jobs come and are cancelled.
func (m *crowdMeasure) readers(ctx context.Context) error {
	subject := report.Digits(eventReaders) + " readers of events"
	c, err := crowd.Gather(ctx, m.server.Addr, eventReaders, crowd.Spread, m.get("/events"), nil)
	if err != nil {
		return err
	}
	defer c.Leave()
	err = m.under(ctx, subject, func() error { return m.submitFew(ctx, readersJobs*int(crowdLook/time.Second)) })
	if err != nil {
		return err
	}
	if err := m.say("still held", "", subject, float64(c.Open())); err != nil {
		return err
	}
	return m.say("told to all of them", "MiB", subject, float64(c.Bytes())/(1<<20))
}

// hold measures connections that only are there.
func (m *crowdMeasure) hold(ctx context.Context, subject string, n int, gather func() (*crowd.Crowd, error)) error {
	before, err := stand.RSS(m.server.Pids())
	if err != nil {
		return err
	}
	c, err := gather()
	if err != nil {
		return err
	}
	defer c.Leave()
	if err := m.under(ctx, subject, func() error { return pause(ctx, crowdLook/2) }); err != nil {
		return err
	}
	open := c.Open()
	if err := m.say("held", "", subject, float64(open)); err != nil {
		return err
	}
	if err := m.say("refused", "", subject, float64(n-open)); err != nil {
		return err
	}
	held, err := stand.RSS(m.server.Pids())
	if err != nil {
		return err
	}
	if err := m.say("memory of each", "KiB", subject, float64(held-before)/1024/float64(max(open, 1))); err != nil {
		return err
	}
	c.Leave()
	return m.after(ctx, subject)
}

// after is the memory some seconds after all have gone.
func (m *crowdMeasure) after(ctx context.Context, subject string) error {
	if err := pause(ctx, crowdAfter); err != nil {
		return err
	}
	rss, err := stand.RSS(m.server.Pids())
	if err != nil {
		return err
	}
	return m.say("server memory after", "MiB", subject, float64(rss)/(1<<20))
}

func (m *crowdMeasure) say(metric, unit, subject string, value float64) error {
	s := m.sample
	s.Metric, s.Unit, s.Subject, s.Value = metric, unit, subject, value
	return m.add(s)
}

func (m *crowdMeasure) get(path string) []byte {
	return []byte(strings.Join([]string{"GET " + path + " HTTP/1.1", "Host: " + m.server.Addr, "Authorization: Bearer " + m.server.Token, "", ""}, "\r\n"))
}
