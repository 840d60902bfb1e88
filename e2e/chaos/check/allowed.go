package check

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// span is a time, from and to included.
type span struct{ from, to int64 }

// overlaps: they have more than a moment in common.
func (s span) overlaps(o span) bool { return s.from < o.to && o.from < s.to }

// inLoss: the store acknowledged this while it was losing writes. It may be
// missing, or be undone. Of several tries only the one that was answered counts: where it
// found what one before it had done, it found it in the store that answered.
func (h *history) inLoss(op record.Op) bool {
	return h.during(record.Loss, "", span{cmp.Or(op.LastNS, op.CallNS), op.ReturnNS})
}

// Lossy says that the store was losing writes at some time of an interval.
func Lossy(rec *record.Record, i record.Interval) bool {
	h := history{Record: rec}
	return h.during(record.Loss, "", span{i.FromNS, i.ToNS})
}

// lossy is for how long of some time the store was losing writes, all in all.
func (h *history) lossy(in span) (all time.Duration) {
	until := in.from
	for _, i := range slices.SortedFunc(slices.Values(h.Intervals), func(a, b record.Interval) int { return cmp.Compare(a.FromNS, b.FromNS) }) {
		from, to := max(i.FromNS, until), min(i.ToNS, in.to)
		if i.Kind == record.Loss && to > from {
			all += time.Duration(to - from)
			until = to
		}
	}
	return all
}

// during: an interval of a kind (of a host, if one is named) touches the time.
func (h *history) during(kind, host string, s span) bool {
	return slices.ContainsFunc(h.Intervals, func(i record.Interval) bool {
		return i.Kind == kind && (host == "" || i.Host == host) && i.FromNS <= s.to && s.from <= i.ToNS
	})
}

// broken: a fault of a number was there on a target at some time.
func (h *history) broken(fault, target string, s span) bool {
	healed := map[int]int64{}
	for _, f := range h.Faults {
		if f.Step == record.Heal {
			healed[f.ID] = f.AtNS
		}
	}
	return slices.ContainsFunc(h.Faults, func(f record.Fault) bool {
		until := cmp.Or(healed[f.ID], math.MaxInt64)
		return f.Step == record.Inject && f.Fault == fault && f.Target == target && f.AtNS <= s.to && s.from <= until
	})
}

// stoodStill gives the times in which what a host runs is excused: it stood
// still, and then its watchdogs took a moment.
func (h *history) stoodStill(host string) []span {
	var out []span
	for _, i := range h.Intervals {
		if i.Kind == record.Pause && i.Host == host {
			out = append(out, span{i.FromNS, i.ToNS + h.World.PauseGraceNS})
		}
	}
	return out
}

// spans gives the times in which an attempt lived that nothing excuses.
func (h *history) spans(l *life) []span {
	rest := []span{{l.from, l.to}}
	for _, still := range h.stoodStill(l.host) {
		var next []span
		for _, s := range rest {
			if !s.overlaps(still) && (s.from < still.from || s.from > still.to) {
				next = append(next, s)
				continue
			}
			if s.from < still.from {
				next = append(next, span{s.from, still.from})
			}
			if s.to > still.to {
				next = append(next, span{still.to, s.to})
			}
		}
		rest = next
	}
	return rest
}

// wokeUp: the attempt began while its host stood still, or just after: its
// process had been on the way since before.
func (h *history) wokeUp(l *life) bool {
	return slices.ContainsFunc(h.stoodStill(l.host), func(s span) bool { return s.from <= l.from && l.from <= s.to })
}

// meet: two attempts lived at one time that nothing excuses.
func (h *history) meet(a, b *life) bool {
	for _, s := range h.spans(a) {
		if slices.ContainsFunc(h.spans(b), s.overlaps) {
			return true
		}
	}
	return false
}

// boot turns a time of the store's into one of this machine's.
func (h *history) boot(unixNS int64) int64 { return unixNS - h.World.UnixNS + h.World.BootNS }
