package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

// TestWhyOfOthers: why says who holds what and whose processes are in the way, but
// on a private server only to admins.
func TestWhyOfOthers(t *testing.T) {
	t.Parallel()
	for name, private := range map[string]bool{"open": false, "private": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *api.Options) { o.Private = private })
			w.start(w.submit(w.ana, `{"msg":1,"timeout":"1h"}`), 0)
			foreign := &w.inv.Devices[1]
			foreign.State, foreign.Since, foreign.Reason = gpu.Foreign, time.Now(), "used by process 4242 (train.py) of carl"
			foreign.Foreign = []gpu.Process{{PID: 4242, Name: "train.py", User: "carl"}}
			must(w, w.sched.Report(w.Context(), "node1", w.epoch, w.inv))
			id := w.submit(w.bob, `{"msg":1}`)
			for token, hidden := range map[string]bool{w.bob: private, w.admin: false} {
				a := w.do(token, "GET", path(id, "/why"), nil)
				var why api.Why
				w.ok(a, 200, &why)
				for _, word := range []string{"ana", "carl", "4242", "train.py"} {
					if strings.Contains(string(a.body), word) == hidden {
						t.Errorf("hidden %v, and %q: %s", hidden, word, a.body)
					}
				}
				if len(why.Devices) != 2 || why.Reasons[0].Code != "devices-busy" || why.Devices[0].State != gpu.Leased || why.Devices[1].State != gpu.Foreign {
					t.Fatalf("%+v", why)
				}
				if why.FreeBy.IsZero() || why.FreeBy != why.Devices[0].EndsBy || why.Devices[0].UUID != "CPU-0" {
					t.Errorf("%+v", why)
				}
			}
		})
	}
}
