package api_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
)

func dataPath(key string) string { return "/data/" + url.PathEscape(key) }

// TestData: bytes stay bytes, under any key that people use, and are the user's and
// the user's jobs' alone.
func TestData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bytesOf := []byte{0, 1, 0xff, '\r', '\n'}
	for _, key := range []string{"k", "weights/epoch 3", "größe", "a%2Fb", "..", "?&#"} {
		var kept api.Item
		w.ok(w.do(w.ana, "PUT", dataPath(key), bytesOf), http.StatusCreated, &kept)
		if kept.Key != key || kept.Size != int64(len(bytesOf)) || !kept.Expires.IsZero() {
			t.Errorf("%q: kept as %+v", key, kept)
		}
		got := w.do(w.ana, "GET", dataPath(key), nil)
		if got.status != http.StatusOK || !bytes.Equal(got.body, bytesOf) {
			t.Errorf("%q: %d %q", key, got.status, got.body)
		}
		w.refused(w.do(w.bob, "GET", dataPath(key), nil), http.StatusNotFound, api.CodeNotFound)
		w.refused(w.do(w.admin, "DELETE", dataPath(key), nil), http.StatusNotFound, api.CodeNotFound)
		w.refused(w.do(w.agent, "GET", dataPath(key), nil), http.StatusForbidden, api.CodeForbidden)
	}
	var list struct{ Data []api.Item }
	w.ok(w.do(w.ana, "GET", "/data", nil), http.StatusOK, &list)
	if len(list.Data) != 6 {
		t.Errorf("listed: %+v", list)
	}
	w.ok(w.do(w.ana, "DELETE", dataPath("k"), nil), http.StatusNoContent, nil)
	w.refused(w.do(w.ana, "GET", dataPath("k"), nil), http.StatusNotFound, api.CodeNotFound)
}

// TestJobsShareData: a job keeps what another job of its user finds, and nobody else's does.
func TestJobsShareData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var jobs []string // their tokens
	for device, token := range []string{w.ana, w.ana, w.bob} {
		jobs = append(jobs, w.start(w.submit(token, `{"command":["true"]}`), device).token)
	}
	first, second, bobs := jobs[0], jobs[1], jobs[2]
	w.ok(w.do(first, "PUT", "/data/model?expiry=3600", "weights"), http.StatusCreated, nil)
	if got := w.do(second, "GET", "/data/model", nil); string(got.body) != "weights" {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.refused(w.do(bobs, "GET", "/data/model", nil), http.StatusNotFound, api.CodeNotFound)
}

func TestDataThatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxBody = 1000 })
	for _, key := range []string{"a\nb", "a\x00b", "\x7f", strings.Repeat("k", 256)} {
		w.refused(w.do(w.ana, "PUT", dataPath(key), "x"), http.StatusUnprocessableEntity, api.CodeInvalidField)
	}
	w.refused(w.do(w.ana, "PUT", "/data/", "x"), http.StatusUnprocessableEntity, api.CodeInvalidField)
	for _, expiry := range []string{"-1", "0", "soon", "NaN", "1e300", "4e8"} {
		w.refused(w.do(w.ana, "PUT", "/data/k?expiry="+expiry, "x"), http.StatusBadRequest, api.CodeBadRequest)
	}
	large := strings.Repeat("x", 1001)
	w.refused(w.do(w.ana, "PUT", "/data/k", large), http.StatusRequestEntityTooLarge, api.CodeTooLarge)
	w.refused(w.do(w.ana, "PUT", "/data/k", struct{ *strings.Reader }{strings.NewReader(large)}), http.StatusRequestEntityTooLarge, api.CodeTooLarge)
	w.refused(w.do(w.ana, "PUT", "/data/k", "x", header{"Content-Type", "text/html"}), http.StatusUnsupportedMediaType, api.CodeMediaType)
	w.refused(w.do(w.ana, "GET", "/data/k", nil), http.StatusNotFound, api.CodeNotFound)
}
