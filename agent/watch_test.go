package agent

import (
	"bytes"
	"context"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/scheduler"
)

// TestAgentEndsWhileItWatches: an agent that ends leaves its jobs to their slots: all contexts of
// an attempt end at once then, and none of them is a lost lease.
func TestAgentEndsWhileItWatches(t *testing.T) {
	var said bytes.Buffer
	a := &Agent{changed: make(chan struct{}), opts: Options{Log: zerolog.New(&said)}}
	for range 100 {
		ctx, end := context.WithCancel(t.Context())
		job := a.newAttempt(ctx, &link{}, scheduler.LeaseRef{Job: 1, Fence: 1}, 1, nil)
		end()
		if next := watch(ctx, job); next != nil || said.Len() > 0 { // it tells when it kills
			t.Fatalf("the attempt goes on, or was ended: %s", said.String())
		}
	}
}
