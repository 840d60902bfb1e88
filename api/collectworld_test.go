package api_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// collector is one of the world's folder. Files grow old by their times, so
// that it needs no clock of its own.
func (w *world) collector(change ...func(*api.CollectorOptions)) *api.Collector {
	w.Helper()
	must(w, api.CheckBlobs(w.Context(), w.st, w.blobs))
	opts := api.CollectorOptions{
		Scheduler: w.sched, Store: w.st, Tokens: w.tokens, Folder: w.blobs, Log: zerolog.Nop(), Metrics: prometheus.NewRegistry(),
	}
	for _, c := range change {
		c(&opts)
	}
	return api.NewCollector(opts)
}

// age makes all files of a part of the folder as old as that.
func (w *world) age(part string, by time.Duration) {
	w.Helper()
	then := time.Now().Add(-by)
	must(w, filepath.WalkDir(filepath.Join(w.blobs.Path(), part), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, then, then)
	}))
}

func (w *world) collect(c *api.Collector) blob.Swept {
	w.Helper()
	swept, err := c.Collect(w.Context())
	must(w, err)
	return swept
}

// orphaned uploads what no job names.
func (w *world) orphaned(text string) string {
	w.Helper()
	w.ok(w.do(w.ana, "PUT", "/blobs/"+blob.Sum([]byte(text)), text), 201, nil)
	return blob.Sum([]byte(text))
}

func (w *world) has(sum string) bool {
	w.Helper()
	return w.do(w.agent, "GET", "/blobs/"+sum, nil).status == 200
}

// named makes everything that names blobs, and gives their names.
func (w *world) named() map[string]string {
	w.Helper()
	file := strings.Repeat("f", 9_000)
	manifest := fmt.Sprintf(`{"files":[{"name":"f","size":%d,"sha256":%q}]}`, len(file), blob.Sum([]byte(file)))
	large := callEnvelope(w, 20_000)
	call := func(env []byte, more string) string {
		w.orphaned(string(env))
		return fmt.Sprintf(`{"call":{"sha256":%q,"size":%d,"function":"train","python":"3.11.7"}%s}`, blob.Sum(env), len(env), more)
	}
	other := callEnvelope(w, 30_000)
	body := call(other, `,"env_vars":{"A":"`+strings.Repeat("v", 10_000)+`"}`)
	w.submit(w.ana, `{"msg":"`+strings.Repeat("m", 10_000)+`"}`)
	w.submit(w.ana, call(large, ""))
	w.submit(w.ana, body)
	id := w.submit(w.ana, `{"msg":1}`)
	l := w.start(id, 0)
	l.put(0, "printed")
	w.withFile(l, "f", []byte(file), strings.Repeat("r", 10_000))
	w.ok(w.do(w.ana, "POST", "/consumer?name=f", pickled("f"), header{"Content-Type", "application/octet-stream"}), 201, nil)
	w.ok(w.do(w.ana, "PUT", "/data/k", "of jobs"), 201, nil)
	done, err := w.sched.Job(w.Context(), id)
	must(w, err)
	for i, size := range []int{10, 9_000, 20_000} {
		w.orphaned(fmt.Sprint("modules ", i))
		env := shipped(w, fmt.Sprint("modules ", i), 9, size)
		if i == 2 {
			w.submit(w.ana, call(env, ""))
		} else {
			w.submit(w.ana, string(env), header{"Content-Type", envelope.Media})
		}
	}
	return map[string]string{
		"a large body": blob.Sum([]byte(`{"msg":"` + strings.Repeat("m", 10_000) + `"}`)), "an uploaded call": blob.Sum(large),
		"a call in a large body": blob.Sum(other), "that body": blob.Sum([]byte(body)), "a result": done.Result.SHA256,
		"a manifest": blob.Sum([]byte(manifest)), "a file": blob.Sum([]byte(file)), "a function": blob.Sum([]byte(pickled("f"))), "data": blob.Sum([]byte("of jobs")),
		"modules of a small call": blob.Sum([]byte("modules 0")), "modules of a large call": blob.Sum([]byte("modules 1")),
		"modules of an uploaded call": blob.Sum([]byte("modules 2")),
	}
}

// purged is a job with a log and a large result that is not kept any more.
func (w *world) purged() scheduler.JobID {
	w.Helper()
	id := w.submit(w.ana, `{"msg":1,"result_ttl":1}`)
	l := w.start(id, 0)
	l.put(0, "printed")
	w.withFile(l, "f", []byte(strings.Repeat("f", 9_000)), strings.Repeat("p", 10_000))
	eventually(w, "the job is purged", func() bool { return w.do(w.ana, "GET", path(id, ""), nil).status == 404 })
	return id
}

// hasty runs n collectors without pause, until the function is called.
func (w *world) hasty(n int) (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	c := w.collector(func(o *api.CollectorOptions) { o.After, o.InTrash = 4*time.Microsecond, time.Second })
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := c.Collect(ctx); err != nil && !errors.Is(err, context.Canceled) {
					w.Error(err)
					return
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// metric is the value of a metric without labels.
func metric(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
