package check

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// Violation is one broken promise.
type Violation struct {
	Invariant string // "I1" … "I8", "conservation", "linearizable"
	Job       int64  // 0: none in particular
	Text      string
}

// Report is the judgement of a run.
type Report struct {
	Jobs   int // that are there at the end
	Faults int // injected
	Lost   int // violations of I3 and of conservation
	Double int // of I1 and I2
	Stale  int // of I4
	// Submitted is how many submits and requeues made a job, Excused how many of these
	// a lossy store may have taken, and took.
	Submitted, Excused int
	// Copies are those of the excused that copies of their requests made again.
	Copies int
	// Lossy is for how long the store was losing writes, in which nothing that it
	// acknowledged counts.
	Lossy time.Duration
	// Deaths are those of hosts that lasted for long enough to ask whether their leases ended.
	Deaths     int
	Violations []Violation
	// Enough is an error where what was excused, or never answered, is most of the run: that
	// nothing was found says little then.
	Enough error
}

// Line is a run in one line.
func (r *Report) Line(seed uint64) string {
	return fmt.Sprintf("%d jobs, %d faults, %d lost, %d double, %d stale, seed %d", r.Jobs, r.Faults, r.Lost, r.Double, r.Stale, seed)
}

// Scope says in one line how much was judged, and how much was excused.
func (r *Report) Scope() string {
	return fmt.Sprintf("%d jobs were made, %d of them lost with the store in %s in which it lost writes (%d made again by copies of their requests); "+
		"%d hosts were dead until their leases had to end",
		r.Submitted, r.Excused, r.Lossy.Round(time.Millisecond), r.Copies, r.Deaths)
}

// Err is nil, or all violations in words.
func (r *Report) Err() error {
	if len(r.Violations) == 0 {
		return nil
	}
	lines := make([]string, len(r.Violations))
	for i, v := range r.Violations {
		lines[i] = fmt.Sprintf("%s: job %d: %s", v.Invariant, v.Job, v.Text)
	}
	return fmt.Errorf("%d violations:\n%s", len(lines), strings.Join(lines, "\n"))
}

// Broken lists the invariants that do not hold, each once, in order.
func (r *Report) Broken() []string {
	var names []string
	for _, v := range r.Violations {
		names = append(names, v.Invariant)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Run judges a record. Where a job's operations have no order, a picture of
// them is written into folder.
func Run(rec *record.Record, folder string) Report {
	h := newHistory(rec)
	report := Report{Jobs: len(rec.Jobs)}
	for _, f := range rec.Faults {
		if f.Step == record.Inject {
			report.Faults++
		}
	}
	report.Submitted, report.Excused = h.made()
	report.Copies = h.copies
	report.Lossy, report.Deaths = h.lossy(span{0, math.MaxInt64}), len(h.deaths())
	for _, invariant := range []func(*history) []Violation{
		oneAttempt, oneJob, oneEnd, rightResult, growingFences, nothingLeft, timelyRecovery, noStartAfterCancel, conserved, inTurn,
	} {
		report.Violations = append(report.Violations, invariant(h)...)
	}
	report.Violations = append(report.Violations, withinLease(h, report.Violations)...)
	report.Violations = append(report.Violations, linearizable(h, report.Violations, folder)...)
	report.Enough = h.enough(&report)
	for _, v := range report.Violations {
		switch v.Invariant {
		case "I1", "I2":
			report.Double++
		case "I3", "conservation":
			report.Lost++
		case "I4":
			report.Stale++
		}
	}
	return report
}

func violation(invariant string, job int64, format string, args ...any) Violation {
	return Violation{Invariant: invariant, Job: job, Text: fmt.Sprintf(format, args...)}
}
