package scheduler

import "slices"

// maxSwaps bounds how often a grown set is improved.
const maxSwaps = 64

// grown gives k of many devices: around each one a set is grown, always by the
// best next one, and then improved by swapping single devices. The best of these
// need not be the best set there is.
func (b *board) grown(k int) []int {
	var top score
	var best []int
	for first := range b.near {
		set, s := b.around(first, k)
		s = b.improve(set, s)
		if best == nil || s.better(top) {
			top, best = s, set
		}
	}
	slices.Sort(best)
	return best
}

// around grows a set of k. near holds, of each device, how near it is to the set.
func (b *board) around(first, k int) ([]int, score) {
	near, in := slices.Clone(b.base), make([]bool, len(b.near))
	set, s := make([]int, 0, k), score{}
	for next := first; ; {
		set, in[next] = append(set, next), true
		s.near, s.lost = s.near+near[next], s.lost+b.lost[next]
		if len(set) == k {
			return set, s
		}
		next = -1
		var top score
		for i := range b.near {
			near[i] += b.near[set[len(set)-1]][i]
			if c := (score{near[i], b.lost[i]}); !in[i] && (next < 0 || c.better(top)) {
				next, top = i, c
			}
		}
	}
}

// improve swaps a member for a device outside as long as that is better.
func (b *board) improve(set []int, s score) score {
	for range maxSwaps {
		place, device, next := b.swap(set, s)
		if !next.better(s) {
			break
		}
		set[place], s = device, next
	}
	return s
}

// swap finds the best single swap, as the place in the set and the device for it.
func (b *board) swap(set []int, s score) (place, device int, top score) {
	near, in := slices.Clone(b.base), make([]bool, len(b.near))
	for _, j := range set {
		in[j] = true
		for i := range near {
			near[i] += b.near[i][j]
		}
	}
	top = s
	for p, out := range set {
		for i := range b.near {
			if in[i] {
				continue
			}
			next := score{s.near - near[out] + near[i] - b.near[i][out], s.lost - b.lost[out] + b.lost[i]}
			if next.better(top) {
				place, device, top = p, i, next
			}
		}
	}
	return place, device, top
}
