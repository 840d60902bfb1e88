package scheduler

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/gpu"
)

// cards makes free devices of models, by their letters: t (T4), a (A100), h (H200).
func cards(letters string) []*OfferedDevice {
	kinds := map[rune]gpu.Device{
		't': {Model: "Tesla T4", Memory: 15 << 30, ComputeCapability: 75},
		'a': {Model: "NVIDIA A100", Memory: 80 << 30, ComputeCapability: 80},
		'h': {Model: "NVIDIA H200", Memory: 141 << 30, ComputeCapability: 90},
	}
	out := make([]*OfferedDevice, 0, len(letters))
	for i, letter := range letters {
		d := kinds[letter]
		d.UUID, d.Index, d.Kind = string(rune('0'+i)), i, gpu.KindGPU
		out = append(out, &OfferedDevice{Device: d, Free: true})
	}
	return out
}

// joined makes links of pairs: "01:4" are four NVLinks, "23-10" a distance.
func joined(pairs string) (links []gpu.Link) {
	for pair := range strings.FieldsSeq(pairs) {
		l := gpu.Link{A: pair[:1], B: pair[1:2], Level: gpu.LevelNode}
		if pair[2] == ':' {
			fmt.Sscan(pair[3:], &l.NVLinks)
		} else {
			fmt.Sscan(pair[3:], &l.Level)
		}
		links = append(links, l)
	}
	return links
}

const mesh = "01:12 02:12 03:12 12:12 13:12 23:12 45:12 46:12 47:12 56:12 57:12 67:12"

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name, cards, busy string
		n                 int
		links, want       string
	}{
		{"the smallest", "hat", "", 1, "", "2"},
		{"the first of equals", "aaa", "", 1, "", "0"},
		{"a busy one is none", "aaa", "0", 1, "", "1"},
		{"of one kind, the smallest kind that has enough", "hhaatah", "", 2, "", "23"},
		{"no mix where a larger kind has enough", "thh", "", 2, "", "12"},
		{"a mix of the smallest where no kind has enough", "hat", "", 2, "", "12"},
		{"a mix takes all of the smaller kinds", "hhatt", "", 4, "", "0234"},
		{"a pair", "aaaa", "", 2, "13:4", "13"},
		{"more links", "aaaa", "", 2, "01:2 23:4", "23"},
		{"a link before any distance", "aaaa", "", 2, "01-0 23:1", "23"},
		{"the nearest where nothing links", "aaaa", "", 2, "01-40 02-30 13-10", "13"},
		{"the pair that is free", "aaaa", "3", 2, "01:2 23:4", "01"},
		{"half of a pair that is broken already", "aaaa", "3", 1, "01:4 23:4", "2"},
		{"one that has no partner", "aaaaa", "", 1, "01:4 23:4", "4"},
		{"a far one leaves near ones near", "aaa", "", 1, "01-10", "2"},
		{"three: a pair and the odd one", "aaaaa", "", 3, "01:4 23:4", "014"},
		{"within one of two meshes", "aaaaaaaa", "", 3, mesh, "012"},
		{"from the mesh that is broken", "aaaaaaaa", "0", 3, mesh, "123"},
		{"a whole mesh stays whole", "aaaaaaaa", "01", 2, mesh, "23"},
		{"a larger set spans them", "aaaaaaaa", "", 5, mesh, "01234"},
		{"one switch: the first", "hhhh", "", 2, "01:18 02:18 03:18 12:18 13:18 23:18", "01"},
		{"the mix is joined too", "ttaaa", "", 4, "04:4", "0124"},
		{"links of no number", "aaa", "", 2, "01:-5 12:1", "12"},
		{"a link to itself", "aa", "", 1, "00:4", "0"},
		{"a link to what is not here", "aa", "", 1, "0x:4", "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 5 {
				free := slices.DeleteFunc(cards(c.cards), func(d *OfferedDevice) bool { return strings.Contains(c.busy, d.UUID) })
				links := joined(c.links)
				rand.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
				rand.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
				got := choose(free, c.n, links)
				slices.Sort(got)
				if strings.Join(got, "") != c.want {
					t.Fatalf("got %v, want %s", got, c.want)
				}
			}
		})
	}
}

// TestChooseIsBest compares with all sets there are, judged by what is promised.
func TestChooseIsBest(t *testing.T) {
	for round := range 2000 {
		r := rand.New(rand.NewPCG(uint64(round), 1))
		m := 1 + r.IntN(7)
		free := cards("aaaaaaa"[:m])
		links := randomLinks(r, free)
		n := 1 + r.IntN(m)
		got := judge(free, choose(slices.Clone(free), n, links), links)
		for set := range subsets(m, n) {
			var uuids []string
			for _, i := range set {
				uuids = append(uuids, free[i].UUID)
			}
			if other := judge(free, uuids, links); slices.Compare(other[:], got[:]) > 0 {
				t.Fatalf("round %d: %d of %d: %v is worth %v, a better set is %v, %v", round, n, m, choose(free, n, links), got, uuids, other)
			}
		}
	}
}

func randomLinks(r *rand.Rand, devices []*OfferedDevice) (links []gpu.Link) {
	for i, a := range devices {
		for _, b := range devices[:i] {
			if r.IntN(3) > 0 {
				links = append(links, gpu.Link{A: a.UUID, B: b.UUID, NVLinks: max(0, r.IntN(8)-4), Level: gpu.Level(10 * r.IntN(6))})
			}
		}
	}
	return links
}

// judge gives what counts, in its order, more being better: NVLinks within the
// set, nearness within it, NVLinks and nearness that are left to the others.
func judge(devices []*OfferedDevice, set []string, links []gpu.Link) [4]int {
	var v [4]int
	for _, l := range links {
		a, b := slices.Contains(set, l.A), slices.Contains(set, l.B)
		switch {
		case a && b:
			v[0] += l.NVLinks
			v[1] += int(gpu.LevelSystem - l.Level)
		case a != b:
			v[2] -= l.NVLinks
			v[3] -= int(gpu.LevelSystem - l.Level)
		}
	}
	if len(devices) < len(set) {
		panic("more than there are")
	}
	return v
}

func subsets(m, n int) func(func([]int) bool) {
	return func(yield func([]int) bool) {
		for bits := range 1 << m {
			var set []int
			for i := range m {
				if bits>>i&1 == 1 {
					set = append(set, i)
				}
			}
			if len(set) == n && !yield(set) {
				return
			}
		}
	}
}

// TestGrown: what is grown is as good as the best of all sets on hosts as they
// are built, and never far from it on any.
func TestGrown(t *testing.T) {
	for _, links := range []string{"", "01:4 23:4 45:4 67:4", mesh, "01:2 02:1 03:1 12:1 13:2 23:2 45:2 46:1 47:1 56:1 57:2 67:2 04:2 15:1 26:1 37:1"} {
		free := cards("aaaaaaaa")
		b := newBoard(nil, free, free, joined(links))
		for k := 1; k <= 8; k++ {
			if got, want := b.scoreOf(b.grown(k)), b.scoreOf(b.best(k)); want.better(got) {
				t.Errorf("%q: %d: grown is worth %v, the best %v", links, k, got, want)
			}
		}
	}
	for round := range 500 {
		r := rand.New(rand.NewPCG(uint64(round), 2))
		free := cards("aaaaaaaaa")
		b := newBoard(nil, free, free, randomLinks(r, free))
		k := 1 + r.IntN(9)
		if got, want := b.scoreOf(b.grown(k)), b.scoreOf(b.best(k)); got.near < want.near*8/10 {
			t.Errorf("round %d: %d: grown is worth %v, the best %v", round, k, got, want)
		}
	}
}

func (b *board) scoreOf(set []int) (s score) {
	for n, i := range set {
		s = b.with(s, set[:n], i)
	}
	return s
}

// TestChooseOfMany: of 64 devices in eight groups, a group is found.
func TestChooseOfMany(t *testing.T) {
	free := make([]*OfferedDevice, 64)
	var links []gpu.Link
	for i := range free {
		free[i] = &OfferedDevice{Device: gpu.Device{UUID: fmt.Sprintf("%02d", i), Index: i, Model: "NVIDIA H200"}}
		for j := range i {
			if i%8 == j%8 { // a group is every eighth
				links = append(links, gpu.Link{A: free[j].UUID, B: free[i].UUID, NVLinks: 18})
			}
		}
	}
	got := choose(slices.Clone(free[1:]), 8, links)
	for _, uuid := range got {
		if !slices.Contains([]string{"01", "09", "17", "25", "33", "41", "49", "57"}, uuid) {
			t.Fatalf("%v is no group", got)
		}
	}
	half := choose(slices.Clone(free[8:]), 32, links)
	if again := choose(slices.Clone(free[8:]), 32, links); !slices.Equal(half, again) || len(half) != 32 {
		t.Errorf("%v, then %v", half, again)
	}
}

func BenchmarkChoose(b *testing.B) {
	for _, c := range []struct{ m, n int }{{8, 4}, {16, 2}, {16, 8}, {64, 8}, {64, 32}} {
		b.Run(fmt.Sprintf("%d of %d", c.n, c.m), func(b *testing.B) {
			var free []*OfferedDevice
			for i := range c.m {
				free = append(free, &OfferedDevice{Device: gpu.Device{UUID: fmt.Sprint(i), Index: i}})
			}
			links := randomLinks(rand.New(rand.NewPCG(1, 1)), free)
			for b.Loop() {
				choose(free, c.n, links)
			}
		})
	}
}

// TestElsewhere: a job that was released from a device unrun gets another one
// while one is free, and the same where none is. Other jobs are not concerned.
func TestElsewhere(t *testing.T) {
	for _, c := range []struct {
		cards, unrun, busy string
		need               Need
		job                JobID
		want               []string
	}{
		{"ta", "0", "", Need{GPUs: 1}, 7, []string{"1"}},
		{"ta", "0", "", Need{GPUs: 1}, 8, []string{"0"}},
		{"ta", "0", "1", Need{GPUs: 1}, 7, []string{"0"}},
		{"aaa", "1", "", Need{GPUs: 2}, 7, []string{"0", "2"}},
		{"aaa", "01", "", Need{GPUs: 2}, 7, []string{"0", "1"}},
	} {
		var o Offer
		for _, d := range cards(c.cards) {
			d.Free = !strings.Contains(c.busy, d.UUID)
			if strings.Contains(c.unrun, d.UUID) {
				d.Unrun = []JobID{5, 7}
			}
			o.Devices = append(o.Devices, *d)
		}
		o.Environments = []Environment{{Name: "default", Version: "3.12"}}
		fit := newFitter(&o)
		for range 2 { // the class is remembered, what concerns one job is not
			_, other, _ := fit.entry(&Entry{Job: 1, Class: c.need.String()})
			_, got, m := fit.entry(&Entry{Job: c.job, Class: c.need.String()})
			if m != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s, unrun on %s, job %d: %v, %v, want %v", c.cards, c.unrun, c.job, got, m, c.want)
			}
			if other[0] != "0" {
				t.Errorf("another job got %v", other)
			}
		}
	}
}
