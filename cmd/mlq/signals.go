package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// signalled is why a context ended when a signal ended it.
type signalled struct{ os.Signal }

// Error names the signal as people do.
func (s signalled) Error() string { return fmt.Sprintf("stopped by %s", s.Signal) }

// untilSignal returns a context that the first SIGINT, SIGTERM or SIGHUP ends.
// From then on signals do what they do by default: the second one means now.
func untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(signalled{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
