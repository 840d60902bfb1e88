// Package load sends one HTTP request over and over on many connections. It
// writes prepared bytes and reads no more of an answer than it must, so that
// on a small machine the server, not the load, uses most of the time.
package load

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
)

// Plan is what to send, and for how long.
type Plan struct {
	Addr        string // host:port
	Request     []byte // a whole HTTP/1.1 request
	Status      int    // of every good answer
	Connections int
	Duration    time.Duration // no request starts later
	Count       int           // stop after so many, however many connections; 0: no limit
}

// Outcome is what came back.
type Outcome struct {
	Requests int
	Elapsed  time.Duration
	Millis   []float64 // of each request, from first byte out to last byte in
}

// PerSecond is the rate of the whole run.
func (o Outcome) PerSecond() float64 { return float64(o.Requests) / o.Elapsed.Seconds() }

// Run carries the plan out. The first answer with another status ends it with an error.
func Run(ctx context.Context, plan Plan) (Outcome, error) {
	each := make([][]float64, plan.Connections)
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i := range each {
		share := plan.Count / plan.Connections
		if i < plan.Count%plan.Connections {
			share++
		}
		group.Go(func() (err error) {
			each[i], err = connection(ctx, plan, began.Add(plan.Duration), share)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Outcome{}, fmt.Errorf("load on %s: %w", plan.Addr, err)
	}
	out := Outcome{Elapsed: time.Since(began)}
	for _, millis := range each {
		out.Requests += len(millis)
		out.Millis = append(out.Millis, millis...)
	}
	return out, nil
}

// connection sends on one kept-alive connection until the end or its share is done.
func connection(ctx context.Context, plan Plan, end time.Time, share int) ([]float64, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", plan.Addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()                         // all answers are in
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // unblocks the reader
	defer stop()
	if err := conn.SetDeadline(end.Add(10 * time.Second)); err != nil {
		return nil, err
	}
	answers := bufio.NewReaderSize(conn, 4096)
	millis := make([]float64, 0, max(share, 1024))
	for sent := time.Now(); sent.Before(end) && (plan.Count == 0 || len(millis) < share); {
		if err := exchange(conn, answers, plan); err != nil {
			return nil, err
		}
		now := time.Now()
		millis = append(millis, float64(now.Sub(sent).Nanoseconds())/1e6)
		sent = now
	}
	return millis, nil
}

func exchange(conn net.Conn, answers *bufio.Reader, plan Plan) error {
	if _, err := conn.Write(plan.Request); err != nil {
		return err
	}
	status, body, err := readAnswer(answers)
	if err == nil && status != plan.Status {
		err = fmt.Errorf("status %d: %.200s", status, body)
	}
	return err
}
