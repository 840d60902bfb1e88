package api_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// within is how long a token that was revoked on one server may work on another.
const within = 5 * time.Second

// TestRevokedTokensEndWithinFiveSeconds: of a user, an agent, a signed link, on the server that
// revoked and on another: requests are refused, and what was open ends.
func TestRevokedTokensEndWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, servers := range map[string][2]*world{"embedded": {w, w}, "Redis": twoServers(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			revokedElsewhere(t, servers[0], servers[1])
		})
	}
}

// twoServers share a Redis and a folder.
func twoServers(t *testing.T) (both [2]*world) {
	t.Helper()
	url, folder := redistest.Shared(t).URL(redistest.Namespace(t)), t.TempDir()
	for i := range both {
		st, err := redisstore.Open(t.Context(), url)
		must(t, err)
		t.Cleanup(func() { _ = st.Close() })
		blobs, err := blob.Open(folder)
		must(t, err)
		t.Cleanup(func() { _ = blobs.Close() })
		both[i] = worldOn(t, st, blobs, signs)
	}
	return both
}

// open is a request that goes on: by whom, and what ends it.
type open struct {
	what, token, method, path, body string
	status                          int // of an answer that comes only now
}

func revokedElsewhere(t *testing.T, one, other *world) {
	t.Helper()
	user, agent := one.token("ana", auth.RoleUser), one.token("node7", auth.RoleAgent)
	stays := one.token("ana", auth.RoleUser)
	id := one.submit(user, `{"msg":1}`)
	link := one.link(user, id, `{"path":"events"}`)
	var wg sync.WaitGroup
	var begun sync.WaitGroup
	opens := []open{
		{"events of a job", user, "GET", path(id, "/events"), "", 0},
		{"all events", user, "GET", "/events", "", 0},
		{"a log that is followed", user, "GET", path(id, "/logs?follow=1"), "", 0},
		{"a signed link to events", "", "GET", link, "", 0},
		{"an agent's notices", agent, "GET", "/agents/node7/notices", "", 0},
		{"a wait for a result", user, "GET", path(id, "/result?wait=25s"), "", 401},
		{"a wait for a job", user, "GET", path(id, "?wait=25s"), "", 401},
		{"a consumer that waits", user, "POST", "/consumer/take", `{"consumer":"0123456789abcdef","claim":"0123456789abcdef","functions":["none"],"wait":25}`, 401},
	}
	for _, o := range opens {
		begun.Add(1)
		wg.Go(func() { other.untilRevoked(t, o, &begun) })
	}
	begun.Wait() // the waits are sent; they are there when it says so, which is a request itself
	eventually(t, "all to be under way", func() bool { return other.metric("mlq_http_requests_under_way") > float64(len(opens)) })
	still := make(chan string, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { still <- other.read(ctx, stays, "GET", path(id, "/events"), "", false).text }()
	for token, warm := range map[string]string{user: "/whoami", agent: "/whoami"} {
		other.ok(other.do(token, "GET", warm, nil), 200, nil)
		other.ok(one.do(one.admin, "DELETE", "/tokens/"+strings.Split(token, "_")[2], nil), 204, nil)
	}
	revoked := time.Now()
	wg.Wait()
	for token := range map[string]bool{user: true, agent: true} {
		eventually(t, "the token to be refused", func() bool { return other.do(token, "GET", "/whoami", nil).status == 401 })
	}
	if took := time.Since(revoked); took > within {
		t.Errorf("a token worked for %v after it was revoked", took)
	}
	other.refused(other.do("", "GET", link, nil), 403, api.CodeBadLink)
	select {
	case text := <-still:
		t.Errorf("the stream of another token ended too, with %q", text)
	default:
	}
}

type readUntil struct {
	status int
	text   string
	err    error
}

// read reads an answer to its end; begun, if any, is told when a stream has begun, or a wait
// is sent.
func (w *world) read(ctx context.Context, token, method, path, body string, waits bool, begun ...func()) (r readUntil) {
	request, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(body))
	if err != nil {
		return readUntil{err: err}
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		request.Header.Set("Content-Type", scheduler.MediaJSON)
	}
	tell := sync.OnceFunc(func() {
		for _, one := range begun {
			one()
		}
	})
	defer tell()
	if waits {
		tell()
	}
	response, err := w.client.Do(request)
	if err != nil {
		return readUntil{err: err}
	}
	tell()
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(response.Body)
	return readUntil{response.StatusCode, string(text), err}
}

func (w *world) untilRevoked(t *testing.T, o open, begun *sync.WaitGroup) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var start time.Time
	r := w.read(ctx, o.token, o.method, o.path, o.body, o.status != 0, func() { start = time.Now(); begun.Done() })
	took := time.Since(start)
	switch {
	case r.err != nil:
		t.Errorf("%s: %v after %v", o.what, r.err, took)
	case o.status == 0 && r.status != 200, o.status != 0 && r.status != o.status:
		t.Errorf("%s: answered %d %.200s after %v", o.what, r.status, r.text, took)
	case took < time.Second/2: // also of a wait: a 401 at the door proves nothing
		t.Errorf("%s: ended after %v, before anything was revoked: %.200s", o.what, took, r.text)
	}
}
