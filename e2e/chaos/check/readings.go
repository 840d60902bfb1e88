package check

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// remembered is for how long an agent or a server counts a time on from that of the step
// before, which the store told it (scheduler/recall.go): a jump of the store's clock is in
// what it writes so much later.
const remembered = int64(5 * time.Second)

// reading is when an attempt was claimed, started and ended by this machine's clock, as its
// times on record may be read; 0: never.
type reading struct{ claimed, started, ended int64 }

func (r reading) span() span { return span{r.claimed, r.ended} }

// moment is when, by this machine's clock, a server of the store may have had a time.
type moment struct {
	at    int64 // 0: never
	by    int64 // its clock was ahead by this
	until int64 // it was so until then
	late  bool  // it was so before, and is counted on from there
}

// readings are those of an attempt that can be; of a store whose clock was never set there is
// one. Where none can be it is one as well: that of a right clock.
func (h *history) readings(a *record.Attempt) (all []reading) {
	for _, claimed := range h.moments(a.ClaimedNS) {
		for _, started := range h.moments(a.StartedNS) {
			for _, ended := range h.moments(a.EndedNS) {
				before := claimed
				if started.at != 0 {
					before = started
				}
				if !claimed.late && claimed.leadsTo(started) && before.leadsTo(ended) {
					all = append(all, reading{claimed.at, started.at, ended.at})
				}
			}
		}
	}
	if len(all) == 0 {
		all = append(all, reading{h.right(a.ClaimedNS), h.right(a.StartedNS), h.right(a.EndedNS)})
	}
	return all
}

// leadsTo: the step at the other moment may be the next one on record. Progress that a job tells
// is a step in between that is not, and has the time that the clock had then.
func (m moment) leadsTo(next moment) bool {
	countedOn := next.by == m.by && next.at-m.at <= remembered || next.until >= m.at
	return next.at == 0 || next.at >= m.at-clockSlack && (!next.late || countedOn)
}

// wrong is what is wrong with an attempt by each of its readings, in the words of the first;
// "": one of them is right.
func (h *history) wrong(a *record.Attempt, with func(reading) string) (text string) {
	for _, r := range h.readings(a) {
		said := with(r)
		if said == "" {
			return ""
		}
		text = cmp.Or(text, said)
	}
	return text
}

// mayHave: it is so by one of an attempt's readings.
func (h *history) mayHave(a *record.Attempt, so func(reading) bool) bool {
	return slices.ContainsFunc(h.readings(a), so)
}

// moments are those of a time of the store's, by what its clocks were set to. A time that
// none of them had is that of a right clock.
func (h *history) moments(unixNS int64) (all []moment) {
	for _, i := range h.Intervals {
		m := moment{at: h.boot(unixNS - i.OffsetNS), by: i.OffsetNS, until: i.ToNS}
		m.late = m.at > i.ToNS+clockSlack
		if unixNS != 0 && i.Kind == record.Clock && i.FromNS-clockSlack <= m.at && m.at <= i.ToNS+remembered {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		all = append(all, moment{at: h.right(unixNS)})
	}
	return all
}

// earliest is the first moment at which a server of the store had this time.
func (h *history) earliest(unixNS int64) int64 {
	first := int64(math.MaxInt64)
	for _, m := range h.moments(unixNS) {
		if !m.late {
			first = min(first, m.at)
		}
	}
	if first == math.MaxInt64 {
		return h.right(unixNS)
	}
	return first
}

// right is a moment by a clock that was never set; 0: never.
func (h *history) right(unixNS int64) int64 {
	if unixNS == 0 {
		return 0
	}
	return h.boot(unixNS)
}
