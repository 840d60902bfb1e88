package scheduler

import (
	"cmp"
	"slices"

	"github.com/mlq-dev/mlq/gpu"
)

// choose takes n of the free devices that fit, there being as many. Pure; in
// this order it wants
//
//  1. devices of one kind, the smallest kind of which enough are free; only
//     where no kind has enough, the smallest of several;
//  2. those that most NVLinks join, then those nearest on the PCI bus;
//  3. those that leave the devices that stay free joined among themselves;
//  4. the lowest indexes.
func choose(free []*OfferedDevice, n int, links []gpu.Link) []string {
	slices.SortFunc(free, bySize)
	sure, open := smallestKinds(free, n)
	if k := n - len(sure); k < len(open) {
		for i, at := range nearest(sure, open, free, links, k) {
			open[i] = open[at] // they ascend, so at ≥ i
		}
		open = open[:k]
	}
	uuids := make([]string, 0, n)
	for _, d := range slices.Concat(sure, open) {
		uuids = append(uuids, d.UUID)
	}
	return uuids
}

func bySize(a, b *OfferedDevice) int {
	return cmp.Or(byKind(a, b), cmp.Compare(a.Index, b.Index), cmp.Compare(a.UUID, b.UUID))
}

// byKind orders kinds of devices, the smallest first: two cards of one model are
// the same, also where one shows some pages less.
func byKind(a, b *OfferedDevice) int {
	return cmp.Or(bySizeOf(&a.Device, &b.Device), cmp.Compare(a.Model, b.Model))
}

func wholeGiB(bytes int64) int64 { return (bytes + gib/2) / gib }

// smallestKinds gives those devices that are taken in any case, and the kind from
// which the rest is taken. free is sorted by size.
func smallestKinds(free []*OfferedDevice, n int) (sure, open []*OfferedDevice) {
	for i := 0; i < len(free); {
		kind := kindAt(free, i)
		if len(kind) >= n {
			return nil, kind
		}
		i += len(kind)
	}
	for i := 0; i < len(free); {
		kind := kindAt(free, i)
		if i+len(kind) >= n {
			return slices.Clone(free[:i]), kind
		}
		i += len(kind)
	}
	return free, nil
}

// kindAt gives a copy of the devices that are of one kind with the one at i.
func kindAt(free []*OfferedDevice, i int) []*OfferedDevice {
	end := i + 1
	for end < len(free) && byKind(free[i], free[end]) == 0 {
		end++
	}
	return slices.Clone(free[i:end])
}
