package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
)

// BenchmarkSubmit is one POST /jobs without a network: guards, token, parse,
// the scheduler, and the embedded store in memory.
func BenchmarkSubmit(b *testing.B) {
	w := newWorld(b, func(o *api.Options) { o.MaxQueued = 1 << 30 })
	const body = `{"msg":{"arg1":6,"arg2":3},"name":"bench"}`
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			r := httptest.NewRequest("POST", "http://localhost/jobs", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+w.ana)
			r.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			if w.api.ServeHTTP(answer, r); answer.Code != http.StatusCreated {
				b.Fatalf("%d %s", answer.Code, answer.Body)
			}
		}
	})
}
