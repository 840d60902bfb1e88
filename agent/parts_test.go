package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestRefusal(t *testing.T) {
	unavailable := errors.New("no answer")
	tests := []struct {
		name    string
		err     error
		stopped error
		kind    verdictKind
		cause   string
	}{
		{"server away", fmt.Errorf("%w: refused", errAPIAway), nil, giveBack, "api-away: refused"},
		{"cancelled at the start", fmt.Errorf("start: %w", scheduler.ErrCancelled), nil, giveBack, "cancelled before it started"},
		{"cancelled while fetching", unavailable, scheduler.ErrCancelled, giveBack, "cancelled before it started"},
		{"stale", fmt.Errorf("start: %w", scheduler.ErrStale), nil, throwAway, ""},
		{"gone while fetching", unavailable, errGone, throwAway, ""},
		{"gone, though the call is bad", badCall("no"), errGone, throwAway, ""},
		{"bad call", badCall("no"), nil, finish, ""},
		{"no belief", errNoBelief, nil, giveBack, errNoBelief.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if v := refusal(tt.err, tt.stopped); v.kind != tt.kind || v.cause != tt.cause {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestUndeliverable(t *testing.T) {
	done := verdict{kind: finish, finish: scheduler.Finish{Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{SHA256: "x"}}}
	v := undeliverable(done, ErrRefused, false)
	if v.finish.Outcome != scheduler.OutcomeFailed || v.finish.Reason != scheduler.ReasonRejected || v.finish.Result.SHA256 != "" {
		t.Errorf("a refused result gives %+v", v)
	}
	if v := undeliverable(done, errGone, true); v.kind != throwAway {
		t.Errorf("a result without a lease gives %+v", v)
	}
}

func TestChooseFunctions(t *testing.T) {
	known := []Function{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	if got, missing := chooseFunctions(known, nil); missing != nil || len(got) != 3 {
		t.Errorf("all: %v, %v", got, missing)
	}
	if got, missing := chooseFunctions(known, []string{"c", "a"}); missing != nil || got[0].Name != "c" || got[1].Name != "a" {
		t.Errorf("some: %v, %v", got, missing)
	}
	for _, c := range []struct {
		known   []Function
		names   []string
		missing []string
	}{
		{known, []string{"d"}, []string{"d"}},
		{known, []string{"d", "a", "e", "d"}, []string{"d", "e"}},
		{nil, []string{"a"}, []string{"a"}},
		{nil, nil, []string{scheduler.AnyFunction}},
		// What is with consumers by now is none for a host: the message is to go there.
		{[]Function{{Name: "a", Form: "local"}}, []string{"a"}, []string{"a"}},
		{[]Function{{Name: "a"}, {Name: "b", Keep: true}}, []string{"a", "b"}, []string{"b"}},
		{[]Function{{Name: "a"}, {Name: "b", Keep: true}}, nil, []string{scheduler.AnyFunction}},
		{[]Function{{Name: "a"}, {Name: "b", Keep: true}}, []string{"a"}, nil},
	} {
		if _, missing := chooseFunctions(c.known, c.names); !slices.Equal(missing, c.missing) {
			t.Errorf("%v of %v: %q are missing, want %q", c.names, c.known, missing, c.missing)
		}
	}
	v := refusal(&missingFunctionsError{[]string{"d"}}, nil)
	if v.kind != giveBack || !slices.Equal(v.awaits, []string{"d"}) || v.cause != "function d is not registered" {
		t.Errorf("a function that was removed leads to %+v", v)
	}
}

func TestTenants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants")
	for i, step := range []struct {
		user    string
		several bool
	}{{"ana", false}, {"ana", false}, {"ben", true}, {"ana", true}} {
		users, err := openTenants(path) // as after a restart
		if err != nil {
			t.Fatal(err)
		}
		if several, err := users.add(step.user); err != nil || several != step.several {
			t.Errorf("step %d: several %v, %v", i, several, err)
		}
	}
}

func TestParsePasswd(t *testing.T) {
	got := parsePasswd("root:x:0:0::/root:/bin/sh\nben:x:1001:1001::/home/ben:/bin/sh\nbroken\nnobody:x:65534:65534::/:/bin/false\nana:x:1000:1000::/home/ana:/bin/sh\n")
	if !slices.Equal(got, []string{"ana", "ben"}) {
		t.Errorf("accounts %v", got)
	}
}

func TestExpired(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		job  scheduler.Job
		want bool
	}{
		{scheduler.Job{State: scheduler.Succeeded, EndedAt: now.Add(-8 * 24 * time.Hour)}, true},
		{scheduler.Job{State: scheduler.Failed, EndedAt: now.Add(-6 * 24 * time.Hour)}, false},
		{scheduler.Job{State: scheduler.Scheduled}, false}, // waits for a retry
		{scheduler.Job{State: scheduler.Running}, false},
	} {
		if got := expired(tt.job, now, DefaultKeepWork); got != tt.want {
			t.Errorf("%s, ended %v: %v", tt.job.State, tt.job.EndedAt, got)
		}
	}
}

// A folder is kept for the retries of its job, and never given to another job
// of the same number.
func TestWorkDirs(t *testing.T) {
	w := &workdirs{root: t.TempDir()}
	first := scheduler.Job{ID: 7, User: "ana", Submitted: time.Unix(1000, 0).UTC()}
	dir := makeDir(t, w, first)
	secret := filepath.Join(dir, "checkpoint")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if makeDir(t, w, first); !exists(secret) {
		t.Error("a retry lost its files")
	}
	second := first
	second.User, second.Submitted = "ben", time.Unix(2000, 0).UTC()
	if makeDir(t, w, second); exists(secret) {
		t.Error("another job found the files")
	}
	if err := w.remove(7); err != nil || exists(dir) {
		t.Errorf("remove: %v", err)
	}
}

func makeDir(t *testing.T, w *workdirs, job scheduler.Job) string {
	t.Helper()
	dir, err := w.make(job, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestInWords(t *testing.T) {
	for _, tt := range []struct {
		states map[gpu.State]int
		stage  stage
		joined bool
		want   string
	}{
		{map[gpu.State]int{gpu.Leased: 2, gpu.Free: 2}, trusting, true, "2 of 4 devices busy"},
		{map[gpu.State]int{gpu.Clearing: 1, gpu.Unknown: 1, gpu.Drained: 2}, trusting, true, "1 of 4 devices busy, 2 drained, 1 unknown"},
		{map[gpu.State]int{gpu.Free: 1}, lost, false, "0 of 1 devices busy, waits to join"},
		{map[gpu.State]int{gpu.Leased: 1}, warned, true, "1 of 1 devices busy, cannot renew its leases: takes no new jobs"},
		{map[gpu.State]int{gpu.Leased: 1}, stopping, true, "1 of 1 devices busy, cannot renew its leases: its jobs are stopped"},
	} {
		if got := inWords(tt.states, tt.stage, tt.joined); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
