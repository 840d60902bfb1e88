package api_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// TestRevokedTokenCutsDownloads: who downloads, however slowly, when the token is revoked gets what is
// under way and no more, and sees that it is not the whole.
func TestRevokedTokenCutsDownloads(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*api.Options){"HTTP1": func(*api.Options) {}, "HTTP2": secure} {
		st := full(t)
		blobs, err := blob.Open(t.TempDir())
		must(t, err)
		t.Cleanup(func() { _ = blobs.Close() })
		w := worldOn(t, st, blobs, change, func(o *api.Options) { o.Snapshots, o.MaxLog = st, 2*much })
		log := strings.Repeat("a line that was printed\n", much/24)
		running := w.submit(w.ana, `{"msg":1}`)
		w.start(running, 0).put(0, log)
		sum, err := w.blobs.PutBytes(t.Context(), []byte(log))
		must(t, err)
		failed := w.submit(w.ana, `{"msg":1}`)
		w.start(failed, 1).finish(scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError}, envelope.Header{Kind: envelope.KindError}, view(log))
		for _, target := range []string{path(failed, "/result"), "/backup/store", "/blobs/" + sum, path(running, "/logs"), path(running, "/logs?follow=1")} {
			t.Run(name+target, func(t *testing.T) { t.Parallel(); w.cutOff(t, target) })
		}
	}
}

// full is a store of more than fits into buffers, and that does not get smaller.
func full(t *testing.T) *localstore.Store {
	t.Helper()
	st, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	a, err := st.Read(t.Context(), store.Query{})
	must(t, err)
	noise := make([]byte, 1<<20)
	for i := range much >> 20 {
		_, _ = rand.Read(noise) // never fails
		_, err := st.Commit(t.Context(), store.Commit{Identity: a.Identity, Effects: []store.Effect{store.Put(fmt.Sprint("noise:", i), noise)}})
		must(t, err)
	}
	return st
}

// cutOff begins to read, has the token revoked, and reads on after 5 s.
func (w *world) cutOff(t *testing.T, target string) {
	t.Helper()
	text, kept, err := w.tokens.Create(t.Context(), auth.Wanted{User: "root", Role: auth.RoleAdmin})
	must(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+target, nil)
	must(t, err)
	request.Header.Set("Authorization", "Bearer "+text)
	request.Header.Set("Accept", envelope.Media) // of a failed job: the exception, of any size
	response, err := w.client.Do(request)
	must(t, err)
	defer response.Body.Close() //nolint:errcheck // only read
	begun, err := io.CopyN(io.Discard, response.Body, 1000)
	must(t, err)
	must(t, w.tokens.Revoke(t.Context(), kept.ID))
	<-time.After(within)
	rest, err := io.CopyN(io.Discard, response.Body, much-begun)
	if err == nil || errors.Is(err, io.EOF) {
		t.Errorf("%d bytes came after it was revoked, then %v", rest, err)
	}
}

// TestDownloadOutlivesItsLink: what began in time by a signed link goes on to its end.
func TestDownloadOutlivesItsLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxLog = 2 * much })
	id := w.submit(w.ana, `{"msg":1}`)
	w.start(id, 0).put(0, strings.Repeat("x", much))
	link := w.link(w.ana, id, `{"path":"logs","ttl":1}`)
	response, err := w.client.Get(w.url + link) //nolint:noctx // it ends with the test
	must(t, err)
	defer response.Body.Close() //nolint:errcheck // only read
	begun, err := io.CopyN(io.Discard, response.Body, 1000)
	must(t, err)
	<-time.After(within)
	w.refused(w.do("", "GET", link, nil), http.StatusForbidden, api.CodeLinkExpired)
	rest, err := io.Copy(io.Discard, response.Body)
	if err != nil || begun+rest != much {
		t.Errorf("%d of %d bytes came, then %v", begun+rest, much, err)
	}
}
