package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestDamagedBlobs: what the disk made of a result, a file or the list of files is shown to
// nobody as the job's own; who compares the SHA-256 gets it as it is.
func TestDamagedBlobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := strings.Repeat("x", 100_000)
	file := []byte("a file of the job")
	sum, err := w.blobs.PutBytes(t.Context(), file)
	must(t, err)
	manifest, err := json.Marshal(blob.Manifest{Files: []blob.File{{Name: "out.txt", Size: int64(len(file)), SHA256: sum}}})
	must(t, err)
	list, err := w.blobs.PutBytes(t.Context(), manifest)
	must(t, err)
	id := w.submit(w.ana, `{"msg":1}`)
	w.start(id, 0).finish(scheduler.Finish{Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{Files: list, FileCount: 1}},
		envelope.Header{Kind: envelope.KindResult, Value: envelope.ValueText, Short: "short"}, view(text))
	whole := w.do(w.ana, "GET", path(id, "/result"), nil, header{"Accept", envelope.Media})
	if whole.status != 200 {
		t.Fatalf("%d %s", whole.status, whole.body)
	}
	result := blob.Sum(whole.body)
	for _, c := range []struct{ sum, path string }{
		{result, "/result"}, {result, "/result.txt"}, {result, "/result.html"}, {sum, "/files/out.txt"}, {list, "/files"}, {list, "/files/out.txt"},
	} {
		at := filepath.Join(w.blobs.Path(), "blobs", c.sum[:2], c.sum)
		good, err := os.ReadFile(at)
		must(t, err)
		bad := []byte(string(good))
		bad[len(bad)-10] ^= 1
		must(t, os.WriteFile(at, bad, 0o600))
		p := w.refused(w.do(w.ana, "GET", path(id, c.path), nil), 410, api.CodeResultGone)
		if !strings.Contains(p.Detail, "damaged on the server's disk") {
			t.Errorf("%s: %q", c.path, p.Detail)
		}
		if c.sum == result {
			got := w.do(w.ana, "GET", path(id, c.path[:7]), nil, header{"Accept", envelope.Media})
			if string(got.body) != string(bad) || blob.Sum(got.body) == result {
				t.Error("the envelope is not as it is, for who compares")
			}
		}
		must(t, os.WriteFile(at, good, 0o600))
	}
	for _, part := range []string{"/result", "/result.txt", "/files", "/files/out.txt"} {
		if a := w.do(w.ana, "GET", path(id, part), nil); a.status != 200 {
			t.Errorf("%s, brought back: %d %s", part, a.status, a.body)
		}
	}
}

// damage changes what lies on the disk under a blob's name, and returns what mends it.
func (w *world) damage(sum string, change func(text string) string) (mend func()) {
	w.Helper()
	at := filepath.Join(w.blobs.Path(), "blobs", sum[:2], sum)
	info, err := os.Stat(at)
	must(w, err)
	good, err := os.ReadFile(at)
	must(w, err)
	put := func(text []byte) {
		must(w, os.WriteFile(at, text, 0o600))
		must(w, os.Chtimes(at, info.ModTime(), info.ModTime()))
	}
	put([]byte(change(string(good))))
	return func() { put(good) }
}

// TestCollectGoesOnPastDamage: one damaged list of files, or body, does not stop the
// collection, and what its names can still be read of is kept.
func TestCollectGoesOnPastDamage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var log strings.Builder
	c := w.collector(func(o *api.CollectorOptions) { o.Log = zerolog.New(&log) })
	named := w.named()
	orphan := w.orphaned("nobody names this")
	w.damage(named["a manifest"], func(text string) string { return strings.Replace(text, `"name":"f"`, `"name":"`, 1) })
	w.damage(named["that body"], func(text string) string { return strings.Replace(text, "vvvv", "vvuv", 1) })
	w.age("blobs", 25*time.Hour)
	w.collect(c)
	w.age("trash", 2*time.Hour)
	if got := w.collect(c); got.Blobs != 1 || w.has(orphan) {
		t.Errorf("removed %+v, the orphan is there: %v", got, w.has(orphan))
	}
	for what, sum := range named {
		if !w.has(sum) {
			t.Errorf("%s is gone", what)
		}
	}
	for _, job := range []string{`"job":3,`, `"job":4,`} {
		if text := log.String(); !strings.Contains(text, job) || !strings.Contains(text, "is damaged") {
			t.Errorf("the log does not name %s %s", job, text)
		}
	}
	var u api.DiskUsage
	w.ok(w.do(w.admin, "GET", "/usage/disk", nil), 200, &u)
	if u.Orphans != 0 {
		t.Errorf("%d bytes count as nobody's", u.Orphans)
	}
}

// TestDamagedRecords: jobs whose records the store damaged are told as such and left out of lists, and
// what they name is kept.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var log strings.Builder
	c := w.collector(func(o *api.CollectorOptions) { o.Log = zerolog.New(&log) })
	named := w.named()
	sound := w.submit(w.ana, `{"msg":1}`)
	orphan := w.orphaned("nobody names this")
	w.spoil("spec:job:1")
	for id := range sound - 2 {
		w.spoil(fmt.Sprintf("live:job:%d", id+2))
	}
	w.spoil("spec:datum:ana\x00k")
	w.spoil("spec:functions:ana")
	for _, suffix := range []string{"", "/result", "/files", "/why"} {
		p := w.refused(w.do(w.ana, "GET", path(2, suffix), nil), 500, api.CodeDamaged)
		if !strings.Contains(p.Detail, "job 2: its record cannot be read") {
			t.Errorf("%s: %q", suffix, p.Detail)
		}
	}
	var list api.Page
	w.ok(w.do(w.ana, "GET", "/jobs", nil), 200, &list)
	if len(list.Jobs) != 2 { // the one with a damaged spec is there
		t.Errorf("%d jobs are listed", len(list.Jobs))
	}
	w.age("blobs", 25*time.Hour)
	w.collect(c)
	w.age("trash", 2*time.Hour)
	if got := w.collect(c); got.Blobs != 1 || w.has(orphan) {
		t.Errorf("removed %+v, the orphan is there: %v", got, w.has(orphan))
	}
	for what, sum := range named {
		if !w.has(sum) {
			t.Errorf("%s is gone", what)
		}
	}
	for _, what := range []string{"ana, k: ", "the list of the functions of ana"} {
		if !strings.Contains(log.String(), what) {
			t.Errorf("the log does not name %q:\n%s", what, log.String())
		}
	}
	for id := range sound - 1 {
		if !strings.Contains(log.String(), fmt.Sprintf(`"job":%d,`, id+1)) {
			t.Errorf("the log does not name job %d", id+1)
		}
	}
	var u api.DiskUsage
	w.ok(w.do(w.admin, "GET", "/usage/disk", nil), 200, &u)
}

// spoil has the store give a record that cannot be read.
func (w *world) spoil(key string) {
	w.Helper()
	a, err := w.st.Read(w.Context(), store.Query{Keys: []string{key}})
	must(w, err)
	if len(a.Records[0].Value) == 0 {
		w.Fatalf("there is no record %q", key)
	}
	broken := append([]byte("x\t\t\t\t"), a.Records[0].Value...)
	_, err = w.st.Commit(w.Context(), store.Commit{Identity: a.Identity, Effects: []store.Effect{store.Put(key, broken)}})
	must(w, err)
}

// TestDamagedBelongings: who has a damaged item, list of functions or secret is told so, and mends it; a
// job with such a secret fails at once, and all others have theirs.
func TestDamagedBelongings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.do(w.ana, "PUT", "/data/k", "of jobs"), 201, nil)
	w.ok(w.do(w.ana, "POST", "/consumer?name=f", pickled("f"), header{"Content-Type", "application/octet-stream"}), 201, nil)
	w.setSecret(w.ana, "ONE", "the first")
	w.setSecret(w.ana, "TWO", "the other")
	l := w.claim(w.submit(w.ana, `{"msg":1,"secrets":{"A":"ONE"}}`), 0)
	for _, key := range []string{"spec:datum:ana\x00k", "spec:functions:ana", "auth:secret:ONE:ana"} {
		w.spoil(key)
	}
	w.refused(w.do(w.ana, "GET", "/data/k", nil), 500, api.CodeDamaged)
	w.refused(w.do(w.ana, "GET", "/consumer", nil), 500, api.CodeDamaged)
	p := w.refused(l.values(w.nodeToken), 422, api.CodeUnknownSecret)
	if !strings.Contains(p.Detail, "the secret ONE is damaged in the store, or its key is lost: set it again") {
		t.Errorf("the agent is told %q", p.Detail)
	}
	for path, want := range map[string]string{"/data": `"key":"k"`, "/secrets": `"name":"TWO"`} {
		if a := w.do(w.ana, "GET", path, nil); a.status != 200 || !strings.Contains(string(a.body), want) || strings.Count(string(a.body), `"damaged":true`) != 1 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	w.setSecret(w.ana, "ONE", "again")
	l.wantValues(w.nodeToken, map[string]string{"A": "again"})
	w.ok(w.do(w.ana, "PUT", "/data/k", "again"), 201, nil)
	w.ok(w.do(w.ana, "POST", "/consumer?name=f", pickled("f"), header{"Content-Type", "application/octet-stream"}), 201, nil)
	for _, path := range []string{"/data/k", "/consumer"} {
		if a := w.do(w.ana, "GET", path, nil); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// TestDamagedCallsKeepTheirModules: whatever is damaged in a call but the name itself, the modules
// that it names are kept, and it is told of where that can be seen from its header.
func TestDamagedCallsKeepTheirModules(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change func(text string) string
		told   bool
	}{
		"its first bytes":          {func(text string) string { return "X" + text[1:] }, true},
		"the length of its header": {func(text string) string { return text[:7] + "X" + text[8:] }, true},
		"a shorter header":         {func(text string) string { return text[:4] + "\x10" + text[5:] }, true},
		"its kind":                 {func(text string) string { return strings.Replace(text, `"call"`, `"cal1"`, 1) }, true},
		"a quote":                  {func(text string) string { return strings.Replace(text, `"kind"`, `"kind `, 1) }, true},
		"the field's name":         {func(text string) string { return strings.Replace(text, `"modules"`, `"modulez"`, 1) }, false},
		"its end":                  {func(text string) string { return text[:len(text)-100] }, true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var log strings.Builder
			collector := w.collector(func(o *api.CollectorOptions) { o.Log = zerolog.New(&log) })
			modules := w.orphaned("modules")
			orphan := w.orphaned("nobody names this")
			env := shipped(w, "modules", 7, 20_000)
			id := w.submit(w.ana, string(env), header{"Content-Type", envelope.Media})
			w.damage(blob.Sum(env), c.change)
			w.age("blobs", 25*time.Hour)
			w.collect(collector)
			w.age("trash", 2*time.Hour)
			if got := w.collect(collector); got.Blobs != 1 || w.has(orphan) || !w.has(modules) {
				t.Errorf("removed %+v, the modules are there: %v", got, w.has(modules))
			}
			if told := strings.Contains(log.String(), fmt.Sprintf(`"job":%d,`, id)); told != c.told {
				t.Errorf("the log says %s", log.String())
			}
		})
	}
}

// TestPurgeGoesOnPastDamage: a damaged list of files keeps neither its job nor others.
func TestPurgeGoesOnPastDamage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	named := w.named()
	w.damage(named["a manifest"], func(string) string { return "" })
	if p := w.purge(w.admin, "older=0.000001&state=succeeded"); p.Jobs != 1 {
		t.Errorf("purged %+v", p)
	}
	w.refused(w.do(w.ana, "GET", "/jobs/4", nil), 404, api.CodeNotFound)
}

// TestDamagedMessage: no consumer gets a message that is not what was sent. It is given
// back, and is had when the disk gives it again.
func TestDamagedMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f")
	msg := fmt.Sprintf(`{"msg":%q}`, strings.Repeat("m", 10_000))
	id := w.submit(w.ana, msg)
	mend := w.damage(blob.Sum([]byte(msg)), func(text string) string { return strings.Replace(text, "mmm", "mnm", 1) })
	if a := c.post("take", c.asking(0)); a.status != 500 || strings.Contains(string(a.body), "mnm") {
		t.Errorf("%d %.200s", a.status, a.body)
	}
	if j := w.job(w.ana, id); j.State != scheduler.Queued {
		t.Errorf("the job is %s: %s", j.State, j.Detail)
	}
	mend()
	other := w.consumer(w.ana, consumerB, "f")
	if job := other.take(); job.Job != id || string(job.Msg) != `"`+strings.Repeat("m", 10_000)+`"` {
		t.Errorf("took %d: %.100s", job.Job, job.Msg)
	}
}

// TestDamagedSpecGetsNoSecrets: which secrets a job names is read of what was signed alone,
// wherever that lies.
func TestDamagedSpecGetsNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setSecret(w.ana, "ONE", "the first")
	w.setSecret(w.ana, "TWO", "the other")
	call, err := envelope.Encode(envelope.Header{Kind: envelope.KindCall, Function: "train", Python: "3.11.7", Request: json.RawMessage(`{"secrets":{"A":"ONE"}}`)},
		envelope.Part{Name: "code", Data: []byte("c")}, envelope.Part{Name: "args", Data: make([]byte, 20_000)})
	must(t, err)
	msg := fmt.Sprintf(`{"msg":%q,"secrets":{"A":"ONE"}}`, strings.Repeat("m", 10_000))
	for i, job := range []struct{ body, media string }{{string(call), envelope.Media}, {msg, "application/json"}} {
		l := w.claim(w.submit(w.ana, job.body, header{"Content-Type", job.media}), i)
		mend := w.damage(blob.Sum([]byte(job.body)), func(text string) string { return strings.Replace(text, "ONE", "TWO", 1) })
		if a := l.values(w.nodeToken); a.status != 500 {
			t.Errorf("%s: %d %s", job.media, a.status, a.body)
		}
		mend()
		l.wantValues(w.nodeToken, map[string]string{"A": "the first"})
	}
}
