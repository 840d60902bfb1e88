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
