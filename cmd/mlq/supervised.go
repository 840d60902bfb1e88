package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
)

// tellEvery is how often a service manager is told how it is; more often where
// its watchdog wants it.
const tellEvery = 10 * time.Second

// startMore is how much more time the start is given, again and again, while
// something that is not there yet is waited for.
const startMore = 30 * time.Second

// supervision tells the service manager that started us (systemd, by
// NOTIFY_SOCKET) when we are ready, what we do, that we end, and, for its
// watchdog, that what matters goes on. Where nobody listens it does nothing.
type supervision struct {
	log   zerolog.Logger
	parts []supervised
}

// supervised is a part of this process that says how it is.
type supervised struct {
	await func(context.Context)       // returns once it does its work, or ctx has ended
	alive func(context.Context) error // why a new process would be better; nil: no need
	words func(context.Context) string
}

func (s *supervision) add(p supervised) { s.parts = append(s.parts, p) }

// start begins to tell. It is the last part to start, and so the first to stop.
func (s *supervision) start(ctx context.Context, g *group) error {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return misconfigured("watchdog: %w", err)
	}
	heard, err := daemon.SdNotify(false, s.status(ctx))
	if err != nil {
		return misconfigured("NOTIFY_SOCKET: %w", err)
	}
	if heard {
		g.start(ctx, "supervision", func(ctx context.Context) error { return s.run(ctx, watchdog) })
	}
	return nil
}

// run tells until its part of the end has come.
func (s *supervision) run(ctx context.Context, watchdog time.Duration) error {
	defer s.tell(daemon.SdNotifyStopping + "\nSTATUS=stopping")
	every := tellEvery
	if watchdog > 0 {
		every = min(every, watchdog/3) // two may come late
	}
	if !s.awaitReady(ctx, every) {
		return nil
	}
	s.tell(daemon.SdNotifyReady + "\n" + s.status(ctx))
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s.tell(s.sign(ctx, every))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// awaitReady waits for all parts, and asks for time meanwhile.
func (s *supervision) awaitReady(ctx context.Context, every time.Duration) bool {
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		for _, p := range s.parts {
			p.await(ctx)
		}
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ready:
			return ctx.Err() == nil
		case <-tick.C:
			s.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\n%s", startMore.Microseconds(), s.status(ctx)))
		}
	}
}

// sign is the status, with a sign of life if all parts are alive. Whatever
// takes longer than until the next one is not.
func (s *supervision) sign(ctx context.Context, within time.Duration) string {
	look, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var hangs error
	for _, p := range s.parts {
		hangs = errors.Join(hangs, p.alive(look))
	}
	if hangs != nil && ctx.Err() == nil {
		s.log.Error().Err(hangs).Msg("no sign of life for the service manager")
		return "STATUS=hangs: " + oneLine(hangs.Error())
	}
	return daemon.SdNotifyWatchdog + "\n" + s.status(ctx)
}

// status is what people see in systemctl status.
func (s *supervision) status(ctx context.Context) string {
	words := make([]string, len(s.parts))
	for i, p := range s.parts {
		words[i] = oneLine(p.words(ctx))
	}
	return "STATUS=" + strings.Join(words, "; ")
}

func (s *supervision) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn().Err(err).Msg("the service manager does not hear us")
	}
}
