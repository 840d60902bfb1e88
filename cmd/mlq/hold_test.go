package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

// The line names NVIDIA's devices by UUID, in the lease's order; of others, none.
func TestExportOfHold(t *testing.T) {
	for want, devices := range map[string][]string{
		"export CUDA_VISIBLE_DEVICES=GPU-b,GPU-a CUDA_DEVICE_ORDER=PCI_BUS_ID": {"GPU-b", "GPU-a"},
		"export CUDA_VISIBLE_DEVICES=MIG-1 CUDA_DEVICE_ORDER=PCI_BUS_ID":       {"MIG-1"},
		"export CUDA_VISIBLE_DEVICES= CUDA_DEVICE_ORDER=PCI_BUS_ID":            {"SIM-1", "CPU-2"},
	} {
		h := held{job: &api.Job{Lease: &api.Lease{Devices: devices}}}
		if got := h.export(); got != want {
			t.Errorf("%v: %s", devices, got)
		}
	}
}

// That a hold has lost its devices is told once, however often the server refuses to
// take it back.
func TestLostHoldIsToldOnce(t *testing.T) {
	refusals := 2
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"id": 5, "state": "queued"}`)) // who asked may be gone
		case refusals > 0:
			refusals--
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer server.Close()
	r, err := newRemote(server.URL, "token", "")
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	// Its time is over: then the server is asked often.
	lease := &api.Lease{Since: time.Now().Add(-time.Hour), EndsBy: time.Now()}
	h := held{io: streams{err: &said}, r: r, id: 5, job: &api.Job{Lease: lease}}
	job := h.untilOver(t.Context())
	if job == nil || job.State != scheduler.Cancelled || refusals != 0 {
		t.Errorf("it ended as %+v, with %d refusals to come", job, refusals)
	}
	if n := strings.Count(said.String(), "has lost its devices"); n != 1 {
		t.Errorf("told %d times: %s", n, said.String())
	}
}

func TestWarnAt(t *testing.T) {
	now := time.Now()
	for long, before := range map[time.Duration]time.Duration{
		2 * time.Hour: 5 * time.Minute, 50 * time.Minute: 5 * time.Minute, 10 * time.Minute: time.Minute, 10 * time.Second: time.Second,
	} {
		if got := now.Add(long).Sub(warnAt(now, now.Add(long))); got != before {
			t.Errorf("of %v, warned %v before the end", long, got)
		}
	}
}
