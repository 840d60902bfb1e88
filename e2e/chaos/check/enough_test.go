package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// TestEnough: a run of which most was excused, or not answered, is no proof, and neither
// is one in which nobody knows what was excused.
func TestEnough(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		jobs  int64
		build func(*builder)
		want  string // "": it is enough
	}{
		"nothing excused":      {100, func(*builder) {}, ""},
		"half of all excused":  {100, func(b *builder) { b.Jobs = b.Jobs[50:]; b.interval(record.Loss, "", 0, 3) }, ""},
		"more than half":       {100, func(b *builder) { b.Jobs = b.Jobs[51:]; b.interval(record.Loss, "", 0, 3) }, "51 of 100 jobs were lost"},
		"a short run":          {99, func(b *builder) { b.Jobs = b.Jobs[51:]; b.interval(record.Loss, "", 0, 3) }, ""},
		"hardly an answer":     {100, func(b *builder) { b.unanswered(51) }, "51 of 100 submits had no answer"},
		"losses all the time":  {100, func(b *builder) { b.lossyFor(800) }, "1 of 1 s passed while"},
		"losses half the time": {100, func(b *builder) { b.lossyFor(500) }, ""},
		"losses that nobody saw begin": {1, func(b *builder) {
			b.World.BootNS = 1 * ms
			b.interval(record.Loss, "", 0, 3)
		}, "nobody saw since when"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBuilder()
			for id := range c.jobs {
				b.job(id+1, "cancelled")
			}
			c.build(b)
			report := Run(&b.Record, t.TempDir())
			if got := fmt.Sprint(report.Enough); c.want == "" && report.Enough != nil || !strings.Contains(got, c.want) {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}

// unanswered takes the answers of so many submits away.
func (b *builder) unanswered(n int) {
	for i := range n {
		b.Ops[i].Job, b.Ops[i].Unknown = 0, true
	}
}

// lossyFor has the store lose writes for so many ms of a second.
func (b *builder) lossyFor(long int64) {
	b.op(record.Op{Op: record.Get, Job: 1, State: "cancelled"}, 1001, 1001)
	b.interval(record.Loss, "", 100, 100+long)
}
