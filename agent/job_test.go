package agent_test

import (
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

func TestJobThereAndBack(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *world{
		"in memory": func(t *testing.T) *world { return newWorld(t, 1) },
		"on Redis":  func(t *testing.T) *world { return newRedisWorld(t, 1, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			w.start("h1", "cpu:1", nil)
			id := w.submit(call("def f(msg):\n    print('hello')\n    return {'twice': 2 * msg}", 21))
			if got, want := w.value(id), `{"twice":42}`; got != want {
				t.Errorf("result %s, want %s", got, want)
			}
			job, err := w.sched.Job(w.ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			a := job.Attempt()
			if a.N != 1 || a.Host != "h1" || a.Outcome != scheduler.OutcomeSucceeded || a.ExitCode != 0 || a.WorkDir == "" {
				t.Errorf("attempt %+v", a)
			}
			if log := w.shelf.log(t, id, 1); log != "hello\n" {
				t.Errorf("log %q", log)
			}
		})
	}
}
