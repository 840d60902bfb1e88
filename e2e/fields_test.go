package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// fields is a server with two simulated A100, asked as curl would.
type fields struct {
	t   *testing.T
	url string
	dir string
}

// TestFields: each request field changes what happens. A field that was only
// accepted would fail here. (on_partition needs a partition: TestOnPartition.)
func TestFields(t *testing.T) {
	t.Parallel()
	f := &fields{t: t, dir: t.TempDir()}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.dir, "MLQ_TIME_SCALE=10"}
	d, err := startDaemon(f.dir, env, "dev", "--listen", "127.0.0.1:0", "--data", filepath.Join(f.dir, "data"),
		"--gpus", "sim:2xA100", "--name", "here", "--label", "rack=a", "--python", "main="+python)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	})
	f.url = d.url
	if got, want := slices.Sorted(maps.Keys(effects)), submission.RequestFieldNames(); !slices.Equal(got, want) {
		t.Fatalf("tested are %v, there are %v", got, want)
	}
	for _, name := range submission.RequestFieldNames() {
		t.Run(name, func(t *testing.T) {
			effects[name](&fields{t: t, url: f.url, dir: t.TempDir()})
		})
	}
}

var effects = map[string]func(*fields){
	"gpus": func(f *fields) {
		if j := f.end(f.submit(`{"command":["true"],"gpus":2}`)); len(j.Attempts[0].Devices) != 2 {
			f.t.Errorf("it ran on %v", j.Attempts[0].Devices)
		}
		f.never(`{"command":["true"],"gpus":3}`)
	},
	"gpu_mem":  func(f *fields) { f.either(`{"command":["true"],"gpu_mem":%s}`, `"80GiB"`, `"81GiB"`) },
	"gpu_type": func(f *fields) { f.either(`{"command":["true"],"gpu_type":%s}`, `"a100*80GB"`, `"H100"`) },
	"min_cc":   func(f *fields) { f.either(`{"command":["true"],"min_cc":%s}`, `"8.0"`, `"8.1"`) },
	"host":     func(f *fields) { f.either(`{"command":["true"],"host":%s}`, `"here"`, `"there"`) },
	"labels":   func(f *fields) { f.either(`{"command":["true"],"labels":%s}`, `{"rack":"a"}`, `{"rack":"b"}`) },
	"python": func(f *fields) {
		f.either(`{"source":"def f(m): pass","function":"f","msg":1,"python":%s}`, `"main"`, `"other"`)
	},
	"workdir": func(f *fields) {
		f.prints(fmt.Sprintf(`{"command":["pwd"],"workdir":%q}`, f.dir), f.dir)
	},
	"env_vars": func(f *fields) { f.prints(`{"command":["sh","-c","echo $SEED"],"env_vars":{"SEED":"7"}}`, "7") },
	"secrets": func(f *fields) {
		f.send("PUT", "/secrets/wandb", `{"value":"sealed"}`, 200)
		f.prints(`{"command":["sh","-c","echo $WANDB_API_KEY"],"secrets":{"WANDB_API_KEY":"wandb"}}`, "sealed")
		f.send("POST", "/jobs", `{"command":["true"],"secrets":["wandbb"]}`, 422)
	},
	"name": func(f *fields) {
		id := f.submit(`{"command":["true"],"name":"ablation"}`)
		var page api.Page
		f.get("/jobs?name=ablation", &page)
		if len(page.Jobs) != 1 || page.Jobs[0].ID != id {
			f.t.Errorf("jobs of that name: %+v", page.Jobs)
		}
	},
	"priority": func(f *fields) {
		free := f.busy()
		low, high := f.submit(`{"command":["true"],"priority":-5}`), f.submit(`{"command":["true"]}`)
		if l, h := f.job(low).Position, f.job(high).Position; l != 2 || h != 1 {
			f.t.Errorf("places %d of the low and %d of the high", l, h)
		}
		free()
		f.end(low)
	},
	"timeout": func(f *fields) {
		f.fails(`{"command":["sleep","600"],"timeout":0.5,"grace":0}`, scheduler.ReasonTimeout)
	},
	"queue_timeout": func(f *fields) {
		defer f.busy()()
		f.fails(`{"command":["true"],"queue_timeout":"300ms"}`, scheduler.ReasonExpired)
	},
	"retries": func(f *fields) {
		mark := filepath.Join(f.dir, "seen")
		body := `{"command":["sh","-c","test -e ` + mark + ` || { touch ` + mark + `; exit 1; }"]%s}`
		if j := f.end(f.submit(fmt.Sprintf(body, `,"retries":1`))); j.State != scheduler.Succeeded || len(j.Attempts) != 2 {
			f.t.Errorf("%s after %d attempts", j.State, len(j.Attempts))
		}
	},
	"grace": func(f *fields) {
		id := f.submit(`{"command":["sh","-c","trap '' TERM; echo begun; while :; do sleep 0.1; done"],"grace":"200ms"}`)
		f.until(id, "its log", func() bool { return f.text(id, "/logs") == "begun\n" })
		start := time.Now()
		f.send("DELETE", fmt.Sprintf("/jobs/%d", id), "", 200)
		if j := f.end(id); j.State != scheduler.Cancelled || time.Since(start) > 8*time.Second {
			f.t.Errorf("%s after %s, the default is 10 s", j.State, time.Since(start))
		}
	},
	"run_at": func(f *fields) {
		id := f.submit(fmt.Sprintf(`{"command":["true"],"run_at":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339)))
		if j := f.job(id); j.State != scheduler.Scheduled {
			f.t.Errorf("the job of in an hour is %s", j.State)
		}
		soon := time.Unix(time.Now().Unix()+1, 0)
		if j := f.end(f.submit(fmt.Sprintf(`{"command":["true"],"run_at":%d}`, soon.Unix()))); j.Attempts[0].Claimed.Before(soon) {
			f.t.Errorf("run at %s, not before %s", j.Attempts[0].Claimed, soon)
		}
	},
	"after": func(f *fields) {
		free := f.busy()
		first := f.submit(`{"command":["true"]}`)
		second := f.submit(fmt.Sprintf(`{"command":["true"],"after":%d}`, first))
		if j := f.job(second); j.State != scheduler.Scheduled {
			f.t.Errorf("before the first has run the second is %s", j.State)
		}
		free()
		if j := f.end(second); j.State != scheduler.Succeeded || j.Attempts[0].Claimed.Before(f.job(first).EndedAt) {
			f.t.Errorf("the second is %s, claimed at %s, the first ended at %s", j.State, j.Attempts[0].Claimed, f.job(first).EndedAt)
		}
		failed := f.submit(`{"command":["false"]}`)
		if j := f.end(f.submit(fmt.Sprintf(`{"command":["true"],"after":[%d]}`, failed))); j.Reason != scheduler.ReasonDependency ||
			!strings.Contains(j.Detail, fmt.Sprint(failed)) {
			f.t.Errorf("after a job that failed: %s, %q", j.Reason, j.Detail)
		}
	},
	"on_partition": func(*fields) {}, // see above
	"result_ttl": func(f *fields) {
		id, kept := f.submit(`{"command":["true"],"result_ttl":1}`), f.submit(`{"command":["true"]}`)
		f.end(kept)
		f.until(id, "its end", func() bool { return f.send("GET", fmt.Sprintf("/jobs/%d/result", id), "", 0) == 404 })
		f.send("GET", fmt.Sprintf("/jobs/%d/result", kept), "", 200)
	},
	"key": func(f *fields) {
		body := `{"command":["true"],"key":"once"}`
		if first, second := f.submit(body), f.submit(body); first != second {
			f.t.Errorf("jobs %d and %d", first, second)
		}
	},
}

// send sends a request as curl would; 0 takes any status.
func (f *fields) send(method, path, body string, want int) int {
	f.t.Helper()
	status, text := f.ask(method, path, body)
	if want != 0 && status != want {
		f.t.Fatalf("%s %s %s: %d %s", method, path, body, status, text)
	}
	return status
}

func (f *fields) ask(method, path, body string) (int, string) {
	f.t.Helper()
	request, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (f *fields) get(path string, into any) {
	f.t.Helper()
	status, text := f.ask("GET", path, "")
	if err := json.Unmarshal([]byte(text), into); err != nil || status != 200 {
		f.t.Fatalf("GET %s: %d %s", path, status, text)
	}
}

func (f *fields) submit(body string) (id scheduler.JobID) {
	f.t.Helper()
	status, text := f.ask("POST", "/jobs", body)
	if err := json.Unmarshal([]byte(text), &id); err != nil || status != 201 {
		f.t.Fatalf("%s: %d %s", body, status, text)
	}
	return id
}

func (f *fields) job(id scheduler.JobID) (j api.Job) {
	f.t.Helper()
	f.get(fmt.Sprintf("/jobs/%d", id), &j)
	return j
}

// end waits for the end of a job.
func (f *fields) end(id scheduler.JobID) (j api.Job) {
	f.t.Helper()
	f.until(id, "its end", func() bool {
		f.get(fmt.Sprintf("/jobs/%d?wait=10s", id), &j)
		return j.State.Final()
	})
	return j
}

func (f *fields) until(id scheduler.JobID, what string, holds func() bool) {
	f.t.Helper()
	err := eventually(60*time.Second, func() error {
		if holds() {
			return nil
		}
		return fmt.Errorf("%s", what)
	})
	if err != nil {
		f.t.Fatalf("job %d: %v", id, err)
	}
}

func (f *fields) text(id scheduler.JobID, path string) string {
	f.t.Helper()
	_, text := f.ask("GET", fmt.Sprintf("/jobs/%d%s", id, path), "")
	return text
}

// never: no host has what it asks for.
func (f *fields) never(body string) {
	f.t.Helper()
	status, text := f.ask("POST", "/jobs", body)
	if status != 422 || !strings.Contains(text, `"unsatisfiable"`) {
		f.t.Errorf("%s: %d %s", body, status, text)
	}
}

// either: with the one value it runs, with the other it never could.
func (f *fields) either(body, runs, not string) {
	f.t.Helper()
	if j := f.end(f.submit(fmt.Sprintf(body, runs))); j.State != scheduler.Succeeded {
		f.t.Errorf("with %s %s: %s", runs, j.State, j.Detail)
	}
	f.never(fmt.Sprintf(body, not))
}

func (f *fields) prints(body, want string) {
	f.t.Helper()
	id := f.submit(body)
	f.end(id)
	if got := f.text(id, "/logs"); got != want+"\n" {
		f.t.Errorf("%s prints %q, want %q", body, got, want)
	}
}

func (f *fields) fails(body string, want scheduler.Reason) {
	f.t.Helper()
	if j := f.end(f.submit(body)); j.State != scheduler.Failed || j.Reason != want {
		f.t.Errorf("%s: %s (%s), want %s", body, j.State, j.Reason, want)
	}
}

// busy takes both devices until what it returns is called.
func (f *fields) busy() (free func()) {
	f.t.Helper()
	gate := filepath.Join(f.t.TempDir(), "gate")
	wait := fmt.Sprintf(`{"command":["sh","-c","while [ ! -e %s ]; do sleep 0.05; done"]}`, gate)
	ids := []scheduler.JobID{f.submit(wait), f.submit(wait)}
	for _, id := range ids {
		f.until(id, "its start", func() bool { return f.job(id).State == scheduler.Running })
	}
	return func() {
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			f.t.Fatal(err)
		}
		for _, id := range ids {
			f.end(id)
		}
	}
}
