package agentclient

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/fuzzseed"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// fixed answers each request the same way.
type fixed struct {
	status int
	media  string
	body   []byte
}

// RoundTrip gives the answer.
func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: f.status, Header: http.Header{"Content-Type": {f.media}}, Request: r,
		Body: io.NopCloser(strings.NewReader(string(f.body))), ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// FuzzAnswers: whatever answers in the server's place, the agent has an answer in the
// scheduler's words or does not know what became of the call; it is refused for certain
// only by a problem of MLQ.
func FuzzAnswers(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, body := range []any{
		api.AgentRenewed{Leases: []api.LeaseAnswer{{LeaseRef: api.LeaseRef{Job: 1, Fence: 2}, Gone: true}}, Now: time.Unix(1, 0)},
		api.AgentJoined{Kill: []api.LeaseRef{{Job: 1}}},
		api.AgentView{Held: map[string]int64{"a": -1}},
		api.AgentClaimed{Fence: 1},
		api.Problem{Code: "stale-lease", Detail: "x"},
		api.Problem{Code: "unauthorized"},
		api.Problem{Code: "not-found", Job: 5},
	} {
		text, err := json.Marshal(body)
		if err != nil {
			f.Fatal(err)
		}
		seeds.Add(200, "application/json", text)
		seeds.Add(409, "application/problem+json", text)
	}
	seeds.Add(302, "text/html", []byte("<html>"))
	seeds.Add(200, "text/html", []byte("<html>"))
	seeds.Add(200, "text/event-stream", []byte(api.NoticeLine+"\n\n: x\n"))
	f.Fuzz(func(t *testing.T, status int, media string, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		s := New(Options{Server: "http://mlq", Token: "mlq_secret", Host: "h", HTTP: &http.Client{Transport: fixed{status, media, body}}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for _, out := range []any{&api.AgentRenewed{}, &api.AgentView{}, &api.AgentClaimed{}, &api.AgentJoined{}, &api.AgentSpec{}, nil} {
			err := s.once(ctx, http.MethodPost, "/x", nil, out)
			if err == nil && (status/100 != 2 || out != nil && !json.Valid(body)) {
				t.Fatalf("%d %q was an answer", status, body)
			}
			if err != nil && (strings.Contains(err.Error(), "mlq_secret") || !known(err)) {
				t.Fatalf("%d %q became %v", status, body, err)
			}
		}
		notices := make(chan struct{}, 1)
		if s.follow(ctx, notices) && !strings.Contains(string(body), api.NoticeLine) {
			t.Fatalf("%q was a notice", body)
		}
	})
}

// known: unknown outcome, a token that is not taken, or a problem of MLQ's.
func known(err error) bool {
	var problem *api.Error
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, scheduler.ErrForbidden) || errors.As(err, &problem)
}
