package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// slowBody is a request whose body comes in two parts.
type slowBody struct {
	user                      string
	role                      auth.Role
	method, path, media, body string
}

// withBodies has a request of each way in which a body is read.
func (w *world) withBodies() []slowBody {
	w.Helper()
	const plain = "application/octet-stream"
	l := w.start(w.submit(w.ana, `{"msg":1}`), 0)
	return []slowBody{
		{"root", auth.RoleAdmin, "POST", "/tokens", scheduler.MediaJSON, `{"user":"me","role":"admin"}`},
		{"root", auth.RoleAdmin, "PATCH", "/users/ana", scheduler.MediaJSON, `{"max_queued":700}`},
		{"root", auth.RoleAdmin, "POST", "/hosts", scheduler.MediaJSON, `{"host":"gpu9"}`},
		{"ana", auth.RoleUser, "POST", "/jobs", scheduler.MediaJSON, `{"msg":1}`},
		{"ana", auth.RoleUser, "PUT", "/secrets/KEY", scheduler.MediaJSON, `{"value":"x"}`},
		{"ana", auth.RoleUser, "PUT", "/data/key", plain, "some data"},
		{"ana", auth.RoleUser, "POST", "/consumer?python=3.11", plain, pickled("g")},
		{"ana", auth.RoleUser, "POST", "/blobs", plain, "some bytes"},
		{"ana", auth.RoleUser, "PUT", "/blobs/" + blob.Sum([]byte("other bytes")), plain, "other bytes"},
		{"node1", auth.RoleAgent, "PUT", path(l.ref.Job, fmt.Sprintf("/attempts/1/log?fence=%d", l.ref.Fence)), plain, "printed"},
		{"node1", auth.RoleAgent, "POST", "/agents/node1/progress", scheduler.MediaJSON, fmt.Sprintf(`{"job":%d,"fence":%d,"progress":"50"}`, l.ref.Job, l.ref.Fence)},
		{"server", auth.RoleServer, "PUT", "/blobs/logs/7/1", plain, "printed"},
	}
}

// TestRevokedTokenSendsNoBody: a body that is whole only after its token was revoked, on any
// server, does nothing. Without that, it is not too slow.
func TestRevokedTokenSendsNoBody(t *testing.T) {
	t.Parallel()
	embedded, http2 := newWorld(t), newWorld(t, secure)
	var wg sync.WaitGroup
	for name, servers := range map[string][2]*world{"embedded": {embedded, embedded}, "HTTP2": {http2, http2}, "Redis": twoServers(t)} {
		for _, b := range servers[0].withBodies() {
			for _, known := range []bool{false, true} {
				what := fmt.Sprintf("%s: %s %s, announced: %v", name, b.method, b.path, known)
				wg.Go(func() { bodyOfRevoked(t, what, servers[0], servers[1], b, known) })
			}
		}
	}
	wg.Wait()
}

// bodyOfRevoked sends to the other server what it then accepts, and no more after the token was
// revoked. With known the length is announced.
func bodyOfRevoked(t *testing.T, what string, one, other *world, b slowBody, known bool) {
	t.Helper()
	token := one.token(b.user, b.role)
	a := other.slowly(t, token, b, known, func() {
		one.ok(one.do(one.admin, "DELETE", "/tokens/"+strings.Split(token, "_")[2], nil), http.StatusNoContent, nil)
	})
	if a.status != http.StatusUnauthorized {
		t.Errorf("%s, of a token that was revoked: %d %s", what, a.status, a.body)
	}
	if a := other.slowly(t, one.token(b.user, b.role), b, known, func() {}); a.status/100 != 2 {
		t.Errorf("%s, of a token that is good: %d %s", what, a.status, a.body)
	}
}

// slowly sends a part of the body, waits until the server reads it, and sends the rest after
// meanwhile, and the time for which a token is believed.
func (w *world) slowly(t *testing.T, token string, b slowBody, known bool, meanwhile func()) answer {
	t.Helper()
	reads, rest := make(chan struct{}), make(chan struct{})
	half := len(b.body) / 2
	body := io.MultiReader(strings.NewReader(b.body[:half]), gate(rest), strings.NewReader(b.body[half:]))
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(reads) }})
	request, err := http.NewRequestWithContext(ctx, b.method, w.url+b.path, body)
	must(t, err)
	if known {
		request.ContentLength = int64(len(b.body))
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", b.media)
	request.Header.Set("Expect", "100-continue")
	request.Header.Set(api.HeaderBlobs, w.blobs.Identity())
	go func() {
		<-reads
		meanwhile()
		<-time.After(1200 * time.Millisecond)
		close(rest)
	}()
	return w.send(request)
}

// gate is an empty body that ends once it is opened.
type gate chan struct{}

func (g gate) Read([]byte) (int, error) {
	<-g
	return 0, io.EOF
}
