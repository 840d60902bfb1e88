package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
)

// A submit whose server has no store just now is sent again, under the same key, and says so
// once; what no waiting mends is told at once. A server that answers 503 may have the job
// already, so nothing is said of that.
func TestSubmitWaitsForTheStore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code  api.Code
		waits bool
	}{
		"the store is away":     {api.CodeUnavailable, true},
		"the store is full":     {api.CodeStoreFull, false},
		"the server has no key": {api.CodeNoKey, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var keys []any
			r := serverThat(t, func(w http.ResponseWriter, request *http.Request) {
				var fields map[string]any
				if err := json.NewDecoder(request.Body).Decode(&fields); err != nil {
					t.Error(err)
				}
				if keys = append(keys, fields["key"]); len(keys) > 2 {
					fmt.Fprint(w, "53")
					return
				}
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusServiceUnavailable)
				fmt.Fprintf(w, `{"code":%q,"status":503,"detail":"no room, no store"}`, c.code)
			})
			var said strings.Builder
			id, err := submitJob(t.Context(), streams{err: &said}, r, map[string]any{})
			if c.waits && (err != nil || id != 53 || len(keys) != 3 || keys[0] != keys[2] || strings.Count(said.String(), "trying again") != 1 || strings.Contains(said.String(), "not submitted")) {
				t.Errorf("job %d, %v, keys %v, said %q", id, err, keys, &said)
			}
			if !c.waits && (!has(err, c.code) || len(keys) != 1 || said.Len() > 0) {
				t.Errorf("job %d, %v, keys %v, said %q", id, err, keys, &said)
			}
		})
	}
}

// A server that is started again behind a proxy is waited for as one without: no answer is final
// only where none has come before.
func TestSubmitLater(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct{ first, waits bool }{
		0: {false, true}, http.StatusBadGateway: {false, true}, http.StatusGatewayTimeout: {false, true},
		http.StatusServiceUnavailable: {true, true}, http.StatusInternalServerError: {false, false}, http.StatusConflict: {false, false},
	} {
		err := error(&api.Error{Problem: api.Problem{Status: status}})
		if status == 0 {
			err = errors.New("connection refused")
		}
		if first, waits := submitLater(err, false), submitLater(err, true); first != want.first || waits != want.waits {
			t.Errorf("%d: %v at first and %v then, want %v", status, first, waits, want)
		}
	}
}

// Nobody at the URL is told at once: it may be a wrong one.
func TestSubmitToNobody(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	r, err := newRemote(server.URL, "", "")
	server.Close()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	if _, err := submitJob(t.Context(), streams{err: &said}, r, map[string]any{}); err == nil || said.Len() > 0 {
		t.Errorf("%v, said %q", err, &said)
	}
}

func serverThat(t *testing.T, answers http.HandlerFunc) *remote {
	t.Helper()
	server := httptest.NewServer(answers)
	t.Cleanup(server.Close)
	r, err := newRemote(server.URL, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}
