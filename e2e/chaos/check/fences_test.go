package check

import "github.com/mlq-dev/mlq/e2e/chaos/record"

// lostClaim is an attempt that ran for a moment, and that no record has.
func lostClaim(at int64) try {
	t := once(at)
	t.outcome = ""
	return t
}

// ahead is a job whose attempt is on record, and that an hour ahead falls into.
func (b *builder) ahead(job, at int64) (fence uint64) {
	t := once(at)
	t.fence = uint64((at + hour) * 1000)
	b.told(job, "succeeded", t, hour, hour, hour)
	return t.fence
}

// aheadAndLost is a lost claim with a fence that is ahead of the right time.
func (b *builder) aheadAndLost(job, at int64, fence uint64) {
	t := lostClaim(at)
	t.fence = fence
	b.lived(job, 1, t)
	b.interval(record.Loss, "", at-10, at+10)
}

// belowALostOne is an attempt whose fence is below one that the store lost, while a clock is behind.
func (b *builder) belowALostOne() try {
	b.clock(-hour)
	b.lived(1, 1, lostClaim(950))
	b.interval(record.Loss, "", 940, 960)
	t := once(2000)
	t.fence = fence(900)
	return t
}

// bothLost are two lost claims on a device, the second of which has the lower fence.
func (b *builder) bothLost(first, then int64) {
	b.lived(1, 1, lostClaim(first))
	t := lostClaim(then)
	t.fence = fence(first - 50)
	b.lived(2, 1, t)
	b.interval(record.Loss, "", first-10, first+30)
	b.interval(record.Loss, "", then-10, then+30)
}

// lostFences are records of fences that do not grow, and need not, as a clock was set.
var lostFences = []sample{
	{"a fence that the store lost, and its clock is behind", "", func(b *builder) {
		t := b.belowALostOne()
		b.told(2, "succeeded", t, -hour, -hour, -hour)
	}},
	{"a fence that the store lost, and its clock was ahead then", "", func(b *builder) {
		b.clock(hour)
		b.aheadAndLost(1, 2000, uint64((2000+hour)*1000))
		b.job(2, "succeeded", once(9500))
	}},
	{"a fence that the store lost, above one of when its clock was ahead", "", func(b *builder) {
		b.clock(hour)
		fence := b.ahead(1, 2000)
		b.aheadAndLost(2, 9200, fence+900)
		t := once(9500)
		t.fence = fence + 500
		b.job(3, "succeeded", t)
	}},
	{"a fence of a master that came back, which the other had not known", "", func(b *builder) {
		b.clock(hour)
		b.ahead(1, 2000)
		b.interval(record.Loss, "", 1990, 2010)
		b.lived(2, 1, lostClaim(9500))
		b.interval(record.Loss, "", 9490, 9530)
	}},
	{"two fences that the store lost, and its clock is behind", "", func(b *builder) {
		b.clock(-hour)
		b.bothLost(950, 2000)
	}},
}

// overtaken is a job that one of two masters had run elsewhere, which was lost, before it began where
// it was claimed at that time.
func (b *builder) overtaken(claimed int64, fence uint64) {
	t := once(900)
	t.claimed, t.fence = claimed, fence
	b.job(1, "succeeded", t)
	t = elsewhere(lostClaim(500))
	t.fence = 500_000
	b.lived(1, 2, t)
	b.interval(record.Loss, "", 490, 530)
}

// twoMasters are records of fences that grow from claim to claim, and not from start to start.
var twoMasters = []sample{
	{"an attempt that began after one that the store lost, and was claimed before it", "", func(b *builder) { b.overtaken(100, 100_000) }},
}

// badFences are those of fences that should grow although a clock was set.
var badFences = []sample{
	{"an attempt that was claimed after one that the store lost", "I5", func(b *builder) { b.overtaken(700, 400_000) }},
	{"a fence that the store has, and its clock is behind", "I5", func(b *builder) {
		b.clock(-hour)
		b.job(1, "succeeded", once(950))
		b.interval(record.Loss, "", 940, 960)
		t := once(2000)
		t.fence = fence(900)
		b.told(2, "succeeded", t, -hour, -hour, -hour)
	}},
	{"a fence that nothing says the store lost, and its clock is behind", "I5", func(b *builder) {
		b.clock(-hour)
		b.lived(1, 1, lostClaim(950))
		t := elsewhere(once(2000))
		t.fence = fence(900)
		b.told(1, "succeeded", t, -hour, -hour, -hour)
	}},
	{"a fence that no master had lost, and its clock was ahead then", "I5", func(b *builder) {
		b.clock(hour)
		b.ahead(1, 2000)
		b.lived(2, 1, lostClaim(9500))
		b.interval(record.Loss, "", 9490, 9530)
	}},
	{"two fences that the store lost, before its clock was behind", "I5", func(b *builder) {
		b.clock(-hour)
		b.bothLost(200, 700)
	}},
	{"two fences that the store lost, after its clock was behind", "I5", func(b *builder) {
		b.clock(-hour)
		b.bothLost(9200, 9500)
	}},
	{"a fence that the store lost, and the clock of the other one is behind", "I5", func(b *builder) {
		t := b.belowALostOne()
		b.job(2, "succeeded", t)
	}},
	{"a fence that the store lost, one of when its clock was behind, and one of later", "I5", func(b *builder) {
		t := b.belowALostOne()
		b.told(2, "succeeded", t, -hour, -hour, -hour)
		t = once(9500)
		t.fence = fence(920)
		b.job(3, "succeeded", t)
	}},
}
