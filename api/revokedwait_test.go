package api_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestRevokedWhileTheStoreIsRead: who waits is told that their token or link was revoked, also where
// the store was just being read, which fails then in words of its own.
func TestRevokedWhileTheStoreIsRead(t *testing.T) {
	t.Parallel()
	w, st := faultyWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	link := w.link(w.ana, id, `{}`)
	w.do(w.ana, "GET", "/whoami", nil)
	asked, slow := make(chan struct{}, 100), make(chan struct{})
	st.meet(func(keys []string) error {
		if len(keys) == 0 || strings.HasPrefix(keys[0], "auth:") { // the revocation
			return nil
		}
		asked <- struct{}{}
		<-slow
		return store.ErrUnavailable
	})
	var wg sync.WaitGroup
	waits := func(status int, code api.Code, token, method, path string, body any) {
		wg.Go(func() { w.refused(w.do(token, method, path, body), status, code) })
	}
	waits(401, api.CodeUnauthorized, w.ana, "GET", path(id, "/result?wait=25"), nil)
	waits(401, api.CodeUnauthorized, w.ana, "POST", "/consumer/take", `{"consumer":"0123456789abcdef","claim":"0123456789abcdef","functions":["f"],"wait":25}`)
	waits(403, api.CodeBadLink, "", "GET", link+"&wait=25", nil)
	for range 3 {
		<-asked
	}
	must(t, w.tokens.Revoke(t.Context(), strings.Split(w.ana, "_")[2]))
	<-time.After(3500 * time.Millisecond) // a recheck sees it and ends the call
	close(slow)
	wg.Wait()
}
