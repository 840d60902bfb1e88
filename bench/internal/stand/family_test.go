package stand

import (
	"os"
	"slices"
	"testing"
)

func TestPSS(t *testing.T) {
	got, err := pssOf("55d8 rollup\nRss:  300 kB\nPss:                 123 kB\nPss_Dirty: 7 kB\n")
	if err != nil || got != 123<<10 {
		t.Errorf("%d, %v", got, err)
	}
	if _, err := pssOf("Rss: 300 kB\n"); err == nil {
		t.Error("no Pss is no error")
	}
	if own, err := PSS([]int{os.Getpid()}); err != nil || own < 1<<20 {
		t.Errorf("of this process %d, %v", own, err)
	}
	if _, err := PSS([]int{1 << 30}); err == nil {
		t.Error("no such process is no error")
	}
}

func TestIsBelow(t *testing.T) {
	parents := map[int]int{5: 4, 4: 3, 3: 1, 9: 1}
	var below []int
	for pid := range parents {
		if isBelow(pid, []int{3}, parents) {
			below = append(below, pid)
		}
	}
	if slices.Sort(below); !slices.Equal(below, []int{4, 5}) {
		t.Errorf("below 3 are %v", below)
	}
}
