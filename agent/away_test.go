package agent

import (
	"testing"

	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestNeedsAPI: such jobs are not claimed while the server is away.
func TestNeedsAPI(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"command":["true"]}`:                       false,
		`{"command":["true"],"env_vars":{"A":"b"}}`:  false,
		`{"command":["true"],"secrets":["A"]}`:       true,
		`{"source":"def f(m): pass","function":"f"}`: false,
		`{"msg":1}`: true, // functions are the server's to tell
		`{"msg":1,"secrets":{"WANDB_API_KEY":"wandb"}}`:      true,
		`what cannot be read is claimed, to be rejected now`: false,
	} {
		if got := needsAPI(scheduler.Spec{Media: scheduler.MediaJSON, Body: []byte(body)}); got != want {
			t.Errorf("%s: %v, want %v", body, got, want)
		}
	}
	ref, err := submission.EncodeRef(submission.Ref{Media: scheduler.MediaJSON, SHA256: "a", Size: 9000})
	if err != nil || !needsAPI(scheduler.Spec{Media: submission.MediaRef, Body: ref}) {
		t.Errorf("a body that is a blob: %v", err)
	}
}
