package scheduler

import "github.com/mlq-dev/mlq/gpu"

// maxSets is how many sets of devices are compared one by one: all of 12 devices,
// and any 4 of 16. Of more, sets are grown from each device and then improved.
const maxSets = 2000

// board is what a choice among devices goes by. Nearness is a number, more is
// nearer: an NVLink counts more than all distances on the PCI bus together.
type board struct {
	near [][]int64 // of each to each
	base []int64   // of each to those that are taken in any case
	lost []int64   // of each to all that are free: what those who come later lose
}

// nearness of two devices. What no link names is as far away as can be.
func nearness(l gpu.Link) int64 {
	return int64(min(max(l.NVLinks, 0), 1<<10))<<20 + int64(gpu.LevelSystem-min(max(l.Level, 0), gpu.LevelSystem))
}

func newBoard(sure, open, free []*OfferedDevice, links []gpu.Link) *board {
	at := make(map[string]int, len(open))
	b := &board{near: make([][]int64, len(open)), base: make([]int64, len(open)), lost: make([]int64, len(open))}
	for i, d := range open {
		at[d.UUID], b.near[i] = i, make([]int64, len(open))
	}
	isFree, isSure := uuidsOf(free), uuidsOf(sure)
	for _, l := range links {
		for _, end := range [2][2]string{{l.A, l.B}, {l.B, l.A}} {
			i, is := at[end[0]]
			if !is || !isFree[end[1]] || l.A == l.B {
				continue
			}
			b.lost[i] += nearness(l)
			if isSure[end[1]] {
				b.base[i] += nearness(l)
			}
			if j, both := at[end[1]]; both {
				b.near[i][j] = nearness(l)
			}
		}
	}
	return b
}

func uuidsOf(devices []*OfferedDevice) map[string]bool {
	set := make(map[string]bool, len(devices))
	for _, d := range devices {
		set[d.UUID] = true
	}
	return set
}

// score of a set: how near its devices are to each other, and what is lost to others.
type score struct{ near, lost int64 }

func (s score) better(than score) bool {
	return s.near > than.near || s.near == than.near && s.lost < than.lost
}

// with is the score of the set and one more.
func (b *board) with(s score, set []int, i int) score {
	s.near, s.lost = s.near+b.base[i], s.lost+b.lost[i]
	for _, j := range set {
		s.near += b.near[i][j]
	}
	return s
}

// nearest gives the places of the best k of those that are open, in ascending order.
func nearest(sure, open, free []*OfferedDevice, links []gpu.Link, k int) []int {
	if len(links) == 0 {
		return firstOf(k)
	}
	b := newBoard(sure, open, free, links)
	switch {
	case b.even():
		return firstOf(k)
	case sets(len(b.near), k) <= maxSets:
		return b.best(k)
	}
	return b.grown(k)
}

// even reports whether no choice is better than another: no links at all, or all joined by one switch.
func (b *board) even() bool {
	for i := range b.near {
		if b.base[i] != b.base[0] || b.lost[i] != b.lost[0] {
			return false
		}
		for j := range i {
			if b.near[i][j] != b.near[1][0] {
				return false
			}
		}
	}
	return true
}

func firstOf(k int) []int {
	set := make([]int, k)
	for i := range set {
		set[i] = i
	}
	return set
}

// sets is how many sets of k there are of m, or some number above maxSets.
func sets(m, k int) int {
	n := 1
	for i := range min(k, m-k) {
		if n = n * (m - i) / (i + 1); n > maxSets {
			return n
		}
	}
	return n
}

// best compares all sets, in the order of their indexes: the first of the best stays.
func (b *board) best(k int) []int {
	var top score
	var best []int
	set := make([]int, 0, k)
	var extend func(from int, s score)
	extend = func(from int, s score) {
		if len(set) == k {
			if best == nil || s.better(top) {
				top, best = s, append(best[:0], set...)
			}
			return
		}
		for i := from; i <= len(b.near)-(k-len(set)); i++ {
			next := b.with(s, set, i)
			set = append(set, i)
			extend(i+1, next)
			set = set[:len(set)-1]
		}
	}
	extend(0, score{})
	return best
}
