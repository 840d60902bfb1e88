package api_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

func respond(status int, media, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {media}, "Retry-After": {"7"}},
		Body: io.NopCloser(strings.NewReader(body)),
	}
}

// TestErrorsCrossTheWire: what the scheduler refused is the same error at the client.
func TestErrorsCrossTheWire(t *testing.T) {
	t.Parallel()
	for code, sentinel := range map[string]error{
		"quota": scheduler.ErrQuota, "not-found": scheduler.ErrNotFound, "stale-lease": scheduler.ErrStale,
		"unsatisfiable": scheduler.ErrUnsatisfiable, "version-mismatch": scheduler.ErrVersionMismatch,
		"store-unavailable": store.ErrUnavailable, "invalid-field": scheduler.ErrInvalid, "key-reused": scheduler.ErrKeyReused,
	} {
		err := api.ReadError(respond(400, "application/problem+json", `{"code":"`+code+`","status":400,"detail":"d"}`))
		if !errors.Is(err, sentinel) || string(err.Code) != code || err.Error() != "d" || err.RetryAfter != 7*time.Second {
			t.Errorf("%s: %+v", code, err)
		}
	}
}

func TestAnswersThatAreNotOurs(t *testing.T) {
	t.Parallel()
	for _, r := range []*http.Response{
		respond(502, "text/html", "<html>Bad gateway"), respond(302, "", ""), respond(500, "application/problem+json", "{"),
		respond(400, "application/problem+json", "{}"), respond(400, "application/json", `{"code":"quota"}`),
		respond(400, "application/problem+json", `{"code":"`+strings.Repeat("x", 2<<20)+`"}`),
	} {
		if err := api.ReadError(r); err.Code != api.CodeBadAnswer || err.Status != r.StatusCode {
			t.Errorf("%d: %+v", r.StatusCode, err)
		}
	}
}
