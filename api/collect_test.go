package api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// TestCollect: what nothing names goes when it is old, all else stays.
func TestCollect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.collector()
	named := w.named()
	gone := w.purged()
	orphan := w.orphaned("nobody names this")
	for _, part := range []string{"blobs", "logs"} {
		w.age(part, 25*time.Hour)
	}
	half := filepath.Join(w.blobs.Path(), "tmp", "half")
	must(t, os.WriteFile(half, []byte("half"), 0o600))
	w.age("tmp", 25*time.Hour)
	young := w.orphaned("nobody names this yet")
	if got := w.collect(c); got != (blob.Swept{Logs: 1, Uploads: 1, Bytes: 11}) {
		t.Errorf("the first collection removed %+v", got)
	}
	if got := w.collect(c); got != (blob.Swept{}) {
		t.Errorf("at once %+v was removed", got)
	}
	w.age("trash", 59*time.Minute)
	if got := w.collect(c); got != (blob.Swept{}) {
		t.Errorf("too early %+v was removed", got)
	}
	w.age("trash", 61*time.Minute)
	if got := w.collect(c); got.Blobs != 2 { // the orphan, and the result of the purged job
		t.Errorf("the third collection removed %+v", got)
	}
	for what, sum := range named {
		if !w.has(sum) {
			t.Errorf("%s is gone", what)
		}
	}
	if w.has(orphan) || !w.has(young) {
		t.Errorf("the orphan is there: %v, the young one: %v", w.has(orphan), w.has(young))
	}
	if size, err := w.blobs.LogSize(t.Context(), int64(gone), 1); size != 0 || err != nil {
		t.Errorf("the log of the purged job has %d bytes, %v", size, err)
	}
	if a := w.do(w.ana, "GET", path(4, "/logs"), nil); string(a.body) != "printed" {
		t.Errorf("the log of a job that is kept reads %q", a.body)
	}
}

// TestSubmitMeetsCollection: a submit that names a blob which the collection is
// about to remove gets it back, or is refused; at each step.
func TestSubmitMeetsCollection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.collector()
	env := callEnvelope(t, 20_000)
	call := fmt.Sprintf(`{"call":{"sha256":%q,"size":%d,"function":"train","python":"3.11.7"}}`, blob.Sum(env), len(env))
	sum := w.orphaned(string(env))

	w.age("blobs", 25*time.Hour)
	if a := w.do(w.agent, "HEAD", "/blobs/"+sum, nil); a.status != 200 {
		t.Fatalf("HEAD: %d", a.status)
	}
	w.collect(c)
	if _, err := os.Stat(filepath.Join(w.blobs.Path(), "blobs", sum[:2], sum)); err != nil {
		t.Errorf("a blob that a HEAD has touched was discarded: %v", err)
	}

	w.age("blobs", 25*time.Hour)
	w.collect(c) // into the trash
	if _, err := os.Stat(filepath.Join(w.blobs.Path(), "trash", sum)); err != nil {
		t.Fatalf("the blob is not in the trash: %v", err)
	}
	id := w.submit(w.ana, call)
	w.age("trash", 2*time.Hour)
	w.collect(c)
	if !w.has(sum) {
		t.Error("a job was taken whose call is gone")
	}

	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, nil)
	other := w.orphaned(string(callEnvelope(t, 30_000)))
	w.age("blobs", 25*time.Hour)
	w.collect(c)
	w.age("trash", 2*time.Hour)
	w.collect(c) // for good
	w.refused(w.do(w.ana, "POST", "/jobs", strings.NewReplacer(sum, other, fmt.Sprint(len(env)), fmt.Sprint(len(callEnvelope(t, 30_000)))).Replace(call)),
		409, api.CodeBlobMissing)
	if !w.has(sum) {
		t.Error("the call of a cancelled job, which can be run again, is gone")
	}
}

// TestCollectionsAndSubmits: two collectors that find everything old at once run
// against submits, and no job that was taken lost its call.
func TestCollectionsAndSubmits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var calls, names []string
	for i := range 200 {
		env := callEnvelope(t, 9_000+i)
		names = append(names, w.orphaned(string(env)))
		calls = append(calls, fmt.Sprintf(`{"call":{"sha256":%q,"size":%d,"function":"train","python":"3.11.7"}}`, names[i], len(env)))
	}
	stop := w.hasty(2)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	taken, refused := []string{}, 0
	for i, call := range calls {
		<-tick.C
		a := w.do(w.ana, "POST", "/jobs", call)
		if a.status == 201 {
			taken = append(taken, names[i])
			continue
		}
		w.refused(a, 409, api.CodeBlobMissing)
		refused++
	}
	stop()
	for _, sum := range taken {
		if !w.has(sum) {
			t.Fatalf("a job was taken, and its call %s is gone", sum)
		}
	}
	if len(taken) == 0 || refused == 0 {
		t.Errorf("%d submits were taken, %d refused: they did not meet", len(taken), refused)
	}
}

// TestCollectOnAnotherStore: a store that was emptied names nothing, and so
// says nothing about what is needed.
func TestCollectOnAnotherStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sum := w.orphaned("of the store before")
	w.age("blobs", 25*time.Hour)
	empty := newWorld(t)
	c := empty.collector(func(o *api.CollectorOptions) { o.Folder = w.blobs })
	if _, err := c.Collect(t.Context()); err == nil {
		t.Error("it collected")
	}
	if _, err := os.Stat(filepath.Join(w.blobs.Path(), "blobs", sum[:2], sum)); err != nil {
		t.Error(err)
	}
}

// TestCollectTakesTurns: of several servers one collects in each hour.
func TestCollectTakesTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now()
	clock := func(o *api.CollectorOptions) { o.Now = func() time.Time { return now } }
	for _, c := range []struct {
		after time.Duration
		due   bool
	}{{0, true}, {0, false}, {59 * time.Minute, false}, {2 * time.Minute, true}, {-24 * time.Hour, true}} {
		now = now.Add(c.after)
		due, err := w.collector(clock).Due()
		if err != nil || due != c.due {
			t.Errorf("after %s more: due %v, %v", c.after, due, err)
		}
	}
}

// TestCollectorRuns: the loop removes, and tells so in the metrics.
func TestCollectorRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.orphaned("nobody names this")
	w.age("blobs", 25*time.Hour)
	metrics := prometheus.NewRegistry()
	w.background("collector", w.collector(func(o *api.CollectorOptions) { o.Metrics = metrics }).Run)
	eventually(t, "the metrics tell of it", func() bool {
		return metric(t, metrics, "mlq_collect_discarded_total") == 1 && metric(t, metrics, "mlq_collect_last_timestamp_seconds") > 0
	})
}

// TestCollectKeepsFunctions: also those of who has no token, as in mlq dev.
func TestCollectKeepsFunctions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Dev, o.Owner = true, api.Owner{UID: os.Getuid(), Name: "me"} })
	w.ok(w.do("", "POST", "/consumer?name=f", pickled("f"), header{"Content-Type", "application/octet-stream"}), 201, nil)
	c := w.collector()
	w.age("blobs", 25*time.Hour)
	w.collect(c)
	w.age("trash", 2*time.Hour)
	if got := w.collect(c); got != (blob.Swept{}) {
		t.Errorf("%+v was removed", got)
	}
	if !w.has(blob.Sum([]byte(pickled("f")))) {
		t.Error("the function is gone")
	}
}

// TestCollectIsTheOwners: another store that was given the same folder, or the
// store itself after it was emptied, names none of its blobs and removes none.
func TestCollectIsTheOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.collector()
	named := w.named()
	orphan := w.orphaned("nobody names this")
	w.age("blobs", 25*time.Hour)
	w.age("logs", 25*time.Hour)
	empty, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { must(t, empty.Close()) })
	sched, err := scheduler.New(empty, scheduler.Options{Timing: scheduler.DefaultTiming()})
	must(t, err)
	must(t, api.CheckBlobs(t.Context(), empty, w.blobs))
	other := w.collector(func(o *api.CollectorOptions) {
		o.Store, o.Scheduler, o.Tokens = empty, sched, auth.New(empty, auth.Options{})
	})
	for range 2 {
		if swept, err := other.Collect(t.Context()); err == nil || swept != (blob.Swept{}) {
			t.Errorf("the other store removed %+v, %v", swept, err)
		}
		w.age("trash", 2*time.Hour)
	}
	for what, sum := range named {
		if !w.has(sum) {
			t.Errorf("%s is gone", what)
		}
	}
	w.collect(mine)
	w.age("trash", 2*time.Hour)
	w.collect(mine)
	if w.has(orphan) {
		t.Error("the owner does not collect any more")
	}
}

// TestCollectLooksIntoYoungBodies: a body may be touched without the call that
// it names, by an upload of the same bytes or a collector that was killed.
func TestCollectLooksIntoYoungBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.collector()
	named := w.named()
	w.age("blobs", 25*time.Hour)
	now := time.Now()
	body := named["that body"]
	must(t, os.Chtimes(filepath.Join(w.blobs.Path(), "blobs", body[:2], body), now, now))
	for range 2 {
		w.collect(c)
		w.age("trash", 2*time.Hour)
	}
	if !w.has(named["a call in a large body"]) {
		t.Error("the call is gone")
	}
}
