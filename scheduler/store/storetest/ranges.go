package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// binary are members in memcmp order, chosen where orders tend to differ.
var binary = []string{
	"", "\x00", "\x00\x00", "\x00\xff", "\x01", "(", "+", "-", "0", "A", "[", "a", "a\x00", "aa", "ab",
	"b", "\x7f", "\x80", "é", "\xff", "\xff\x00", "\xff\xff",
}

func testRanges(t *testing.T, b *bench) {
	fillRanges(b)
	bounds := append([][]byte{nil}, []byte{}, []byte("a\x01"), []byte("zz"))
	for _, m := range binary {
		bounds = append(bounds, []byte(m))
	}
	var q store.Query
	var want [][]string
	var counts []int64
	for _, from := range bounds {
		for _, to := range bounds {
			for _, limit := range []int{0, 3, 100} {
				q.Ranges = append(q.Ranges, store.Range{Index: "i", From: from, To: to, Limit: limit})
				want = append(want, first(limit, between(from, to)))
				q.Ranges = append(q.Ranges, store.Range{Index: "i", From: from, To: to, Limit: limit, Reverse: true})
				want = append(want, first(limit, reversed(between(to, from))))
			}
			for _, most := range []int64{0, 2} {
				q.Counts = append(q.Counts, store.Count{Index: "i", From: from, To: to, Cap: most})
				counts = append(counts, upTo(most, len(between(from, to))))
			}
		}
	}
	got := b.read(q)
	for i, members := range got.Ranges {
		if r := q.Ranges[i]; !slices.EqualFunc(members, want[i], func(m []byte, w string) bool { return string(m) == w }) {
			t.Fatalf("range from %q to %q limit %d reverse %v: got %q, want %q", r.From, r.To, r.Limit, r.Reverse, members, want[i])
		}
	}
	b.want(got.Counts, counts)
}

// fillRanges puts the members in between two neighbours that must never show.
func fillRanges(b *bench) {
	shuffled := slices.Clone(binary)
	slices.SortFunc(shuffled, func(x, y string) int { return len(x)*7%5 - len(y)*7%5 })
	var effects []store.Effect
	for _, m := range shuffled {
		effects = append(effects, store.Index("i", []byte(m)))
	}
	for i, other := range []string{"h", "j", "i\x00", "ii", "", "i\xff"} {
		if other != "" {
			effects = append(effects, store.Index(other, fmt.Appendf(nil, "other %d", i)))
		}
	}
	b.must(nil, effects...)
}

// between is the contract's definition, on the list.
func between(from, to []byte) (out []string) {
	for _, m := range slices.Sorted(slices.Values(binary)) {
		if m >= string(from) && (to == nil || m < string(to)) {
			out = append(out, m)
		}
	}
	return out
}

func reversed(s []string) []string {
	slices.Reverse(s)
	return s
}

func first(n int, s []string) []string { return s[:min(n, len(s))] }

func upTo(most int64, n int) int64 {
	if most > 0 && int64(n) > most {
		return most + 1
	}
	return int64(n)
}
