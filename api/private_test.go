package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// marked is a world in which the user zzuser has jobs of every kind, with marks of
// their own in everything that is theirs.
func marked(t *testing.T, change ...func(*api.Options)) (w *world, zz string, jobs []scheduler.JobID) {
	w = newWorld(t, change...)
	w.join()
	zz = w.token("zzuser", auth.RoleUser)
	w.ok(w.do(zz, "POST", "/consumer?name=zzlistener&python=3.11", pickled("zzlistener"), header{"Content-Type", "application/octet-stream"}), 201, nil)
	ended := w.submit(zz, `{"command":["zzprogram","zzargument"],"name":"zzname","env_vars":{"ZZVARIABLE":"zzvalue"}}`)
	l := w.start(ended, 0)
	w.ok(l.put(0, "zzlog"), 200, nil)
	l.succeed(envelope.Header{Value: envelope.ValueText, Short: "zzshort"}, view("zzresult"))
	failed := w.submit(zz, `{"command":["false"],"name":"zzname"}`)
	w.start(failed, 0).finish(scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError, Detail: "zzerror"}, envelope.Header{Kind: envelope.KindResult, Value: envelope.ValueText})
	runs := w.submit(zz, `{"command":["zzprogram"],"name":"zzname","timeout":"1h"}`)
	must(t, w.sched.Progress(t.Context(), w.start(runs, 1).ref, `"zzprogress"`))
	w.inv.Devices[1].State, w.inv.Devices[1].Reason = gpu.Leased, "runs job "+idText(runs)
	must(t, w.sched.Report(t.Context(), "node1", w.epoch, w.inv))
	waits := w.submit(zz, `{"command":["zzprogram"],"name":"zzname","workdir":"/zzdirectory"}`)
	return w, zz, []scheduler.JobID{ended, failed, runs, waits}
}

func idText(id scheduler.JobID) string { return strconv.FormatInt(int64(id), 10) }

// seen is what an answer shows: its headers and its body. Of a stream it reads what
// is there.
func (w *world) seen(token, target string) string {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	if strings.Contains(target, "/events") {
		ctx, cancel = context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
	}
	request, err := http.NewRequestWithContext(ctx, "GET", w.url+target, nil)
	must(w, err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Last-Event-ID", "0-0")
	request.Header.Set("X-Request-ID", "walk") // a random one may hold a mark
	response, err := w.client.Do(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return ""
	}
	must(w, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		w.Fatalf("%s: %v", target, err)
	}
	text := string(body)
	for name, values := range response.Header {
		text += "\n" + name + ": " + strings.Join(values, ", ")
	}
	return text
}

// targets are all GET routes, for each of the jobs.
func targets(w *world, jobs []scheduler.JobID) (all []string) {
	w.Helper()
	for _, r := range w.api.Routes() {
		if r.Method != "GET" {
			continue
		}
		for _, id := range jobs {
			t := strings.NewReplacer(
				"{id}", idText(id), "{job}", idText(id), "{n}", "1", "{ext}", "txt", "{host}", "node1", "{name}", "zzuser",
				"{uuid}", "CPU-1", "{sha256}", strings.Repeat("a", 64), "*", "zzfile",
			).Replace(r.Pattern)
			all = append(all, t)
			if t == "/usage" {
				all = append(all, "/usage?by=device", "/usage?by=host")
			}
			if !strings.Contains(r.Pattern, "{id}") && !strings.Contains(r.Pattern, "{job}") {
				break
			}
		}
	}
	return append(all, "/jobs?user=zzuser", "/jobs?name=zzname", "/consumer?user=zzuser", "/consumer?name=zzlistener")
}

// TestWhatOthersSee walks all that bob can get. Of another user's jobs there is
// nothing but who has which device, and who waits for what; on a private server not
// who either. The owner and an admin see it.
func TestWhatOthersSee(t *testing.T) {
	t.Parallel()
	for name, private := range map[string]bool{"open": false, "private": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, zz, jobs := marked(t, func(o *api.Options) { o.Private = private })
			everybodys := map[string]bool{"/gpus": true, "/hosts": true, "/queue": true}
			named, own := 0, 0
			for _, target := range targets(w, jobs) {
				got := w.seen(w.bob, target)
				if everybodys[target] {
					named += strings.Count(got, "zzuser") + strings.Count(got, "another user")
					if private == strings.Contains(got, "zzuser") || private != strings.Contains(got, "another user") {
						t.Errorf("bob gets of %s:\n%s", target, got)
					}
					got = strings.ReplaceAll(got, "zzuser", "")
				}
				if lower := strings.ToLower(got); strings.Contains(lower, "zz") || strings.Contains(got, "runs job") {
					t.Errorf("bob gets of %s:\n%s", target, got)
				}
				own += strings.Count(w.seen(zz, target), "zz")
				if everybodys[target] && !strings.Contains(w.seen(w.admin, target), "zzuser") {
					t.Errorf("an admin does not see who in %s", target)
				}
			}
			if named != 3 || own < 40 {
				t.Errorf("names were met %d times, and %d times by their owner: the walk misses what it looks for", named, own)
			}
		})
	}
}

// TestOthersInTheQueue: what kind of devices others wait for is seen, where they
// work is not; and until when devices are taken.
func TestOthersInTheQueue(t *testing.T) {
	t.Parallel()
	w, _, _ := marked(t)
	var queue struct{ Queue []api.Waiting }
	w.ok(w.do(w.bob, "GET", "/queue", nil), 200, &queue)
	if q := queue.Queue[0]; q.Class != "gpus=1" || q.GPUs != 1 || q.User != "zzuser" || q.Since.IsZero() {
		t.Errorf("bob sees %+v", q)
	}
	w.ok(w.do(w.admin, "GET", "/queue", nil), 200, &queue)
	if q := queue.Queue[0]; !strings.Contains(q.Class, "zzdirectory") {
		t.Errorf("the admin sees %+v", q)
	}
	var gpus struct{ GPUs []api.Device }
	w.ok(w.do(w.bob, "GET", "/gpus", nil), 200, &gpus)
	if d := gpus.GPUs[1]; d.State != gpu.Leased || d.User != "zzuser" || d.UserSince.IsZero() || d.EndsBy.IsZero() || d.Job != 0 {
		t.Errorf("bob sees %+v", d)
	}
}
