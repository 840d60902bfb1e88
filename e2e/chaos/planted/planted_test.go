package planted

import (
	"flag"
	"slices"
	"testing"
	"time"
)

var all = flag.Bool("all", false, "plant every bug, not only those of each `make test`")

// bugs are what the patches plant, the scenario in which each shows, and the
// invariant that falls then. All times are divided by scale.
var bugs = []struct {
	bug      string
	scale    int
	scenario func(*lab) []int64
	breaks   string
	always   bool // in each `make test`: one for each invariant that any of them breaks
}{
	{"no-fence", 10, lateFinish, "I4", true},
	{"finish-without-fence", 10, lateFinish, "I4", false},
	{"no-self-fence", 10, cutOff, "I1", true},
	{"plain-incr", 10, lostClaim, "I5", true},
	{"no-hold-off", 10, lostLease, "I1", false},
	{"cancel-loses-to-claim", 4, cancelled, "I8", true},
	{"reconcile-without-lock", 10, slotNotFound, "I1", false},
}

// TestPlanted: each bug breaks the promise that its safeguard is for, and no
// other; what is shipped breaks none in the same scenario.
func TestPlanted(t *testing.T) {
	for _, c := range bugs {
		if !c.always && !*all {
			continue
		}
		t.Run(c.bug, func(t *testing.T) {
			t.Parallel()
			// Where it does not show, once more with more time: a busy machine may take as
			// long to start a process as a lease lasts.
			for _, scale := range []int{c.scale, c.scale / 3} {
				begun := time.Now()
				l := newLab(t, planted, c.bug, scale)
				report := l.judge(c.scenario(l)...)
				broken := report.Broken()
				if len(broken) == 0 {
					t.Logf("it does not show at scale %d", scale)
					continue
				}
				if !slices.Equal(broken, []string{c.breaks}) {
					t.Errorf("breaks %q, want %q: %v", broken, c.breaks, report.Err())
				}
				t.Logf("%s after %s: %v", c.breaks, time.Since(begun).Round(100*time.Millisecond), report.Err())
				return
			}
			t.Error("nothing breaks")
		})
		t.Run(c.bug+" is not shipped", func(t *testing.T) {
			t.Parallel()
			l := newLab(t, mlq, "", c.scale)
			report := l.judge(c.scenario(l)...)
			if err := report.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}
