package api_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestRevokedInABulkOrder: an order for many jobs ends where the token of who gave it is revoked
// meanwhile, within a page too: jobs that it has not come to are left.
func TestRevokedInABulkOrder(t *testing.T) {
	t.Parallel()
	for _, order := range []struct{ method, path string }{
		{"DELETE", "/jobs?all=true"}, {"POST", "/jobs/requeue?all=true"}, {"POST", "/purge?older=0.000001"},
	} {
		t.Run(order.path, func(t *testing.T) {
			t.Parallel()
			w, st := faultyWorld(t)
			var ids []scheduler.JobID
			for range 4 {
				ids = append(ids, w.submit(w.ana, `{"msg":1}`))
			}
			if order.method == "POST" {
				w.ok(w.do(w.ana, "DELETE", "/jobs?all=true", nil), 200, nil)
			}
			before := w.states(ids)
			var revoked atomic.Bool
			st.meet(func(keys []string) error { // the highest is come to first
				if len(keys) > 0 && strings.HasSuffix(keys[0], fmt.Sprintf(":%d", ids[2])) && revoked.CompareAndSwap(false, true) {
					must(t, w.tokens.Revoke(t.Context(), strings.Split(w.ana, "_")[2]))
					<-time.After(1200 * time.Millisecond)
				}
				return nil
			})
			w.refused(w.do(w.ana, order.method, order.path, nil), 401, api.CodeUnauthorized)
			st.meet(nil)
			after := w.states(ids)
			if !slices.Equal(before[:2], after[:2]) || slices.Equal(before, after) {
				t.Errorf("before %v, after %v", before, after)
			}
		})
	}
}

// states is what an admin sees of the jobs.
func (w *world) states(ids []scheduler.JobID) (all []string) {
	w.Helper()
	for _, id := range ids {
		all = append(all, string(w.do(w.admin, "GET", path(id, ""), nil).body))
	}
	return all
}
