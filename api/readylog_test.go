package api_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// TestReadyFillsNoLog: whoever asks /readyz, for which no token is needed, again and again does not
// have the same trouble told in the log each time; another one is told at once.
func TestReadyFillsNoLog(t *testing.T) {
	t.Parallel()
	inner, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { _ = inner.Close() })
	st, log := &faulty{Store: inner}, &logged{}
	folder, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	w := worldOn(t, st, folder, func(o *api.Options) { o.Log = zerolog.New(log) })
	told := func(words string) int { return strings.Count(log.String(), words) }
	for _, words := range []string{"input/output error", "stale file handle"} {
		folder.SetStatfs(func(string) (blob.Space, error) { return blob.Space{}, errors.New(words) })
		st.meet(func([]string) error { return errors.New("no number, but " + words) })
		eventually(t, words+" to be told", func() bool { // the disk is looked at once a second
			w.do("", "GET", "/readyz", nil)
			return told(`"`+words) > 0
		})
		for range 5 {
			if a := w.do("", "GET", "/readyz", nil); a.status != 503 {
				t.Errorf("%s: %d %s", words, a.status, a.body)
			}
		}
		if disk, store := told(`"`+words), told("ready: no number, but "+words); disk != 1 || store != 1 {
			t.Errorf("%s: told %d times of the disk, %d of the store", words, disk, store)
		}
	}
}
