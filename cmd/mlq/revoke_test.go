package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/token"
)

// TestRevokeOfAWholeToken: of a token that was pasted, what is secret goes nowhere: not to
// the server, whose proxies write down paths, nor to the terminal's scrollback again.
func TestRevokeOfAWholeToken(t *testing.T) {
	whole, id := token.New("user")
	for _, arg := range []string{whole, id} {
		var path string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			path = r.URL.Path
			w.WriteHeader(http.StatusNoContent)
		}))
		var out bytes.Buffer
		cmd := newTokenRevoke(streams{strings.NewReader(""), &out, &out})
		cmd.SetArgs([]string{"--server", server.URL, arg})
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Error(err)
		}
		server.Close()
		if path != "/tokens/"+id || out.String() != "token "+id+" revoked\n" {
			t.Errorf("asked for %s, and said %q", path, out.String())
		}
	}
}

// TestRevokeOfWhatIsNoToken: one that is cut off or mistyped, or a job's, is not sent either.
func TestRevokeOfWhatIsNoToken(t *testing.T) {
	whole, _ := token.New("user")
	for _, arg := range []string{whole[:len(whole)-3], whole + "x", token.Attempt(1, 1, token.NewSecret()), " " + whole} {
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) }))
		var out bytes.Buffer
		cmd := newTokenRevoke(streams{strings.NewReader(""), &out, &out})
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		cmd.SetArgs([]string{"--server", server.URL, arg})
		if err := cmd.ExecuteContext(t.Context()); err == nil || strings.Contains(err.Error()+out.String(), arg[15:25]) {
			t.Errorf("%v, and said %q", err, out.String())
		}
		server.Close()
	}
}
