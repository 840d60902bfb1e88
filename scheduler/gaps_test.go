package scheduler

import (
	"slices"
	"testing"
)

func TestIDsDown(t *testing.T) {
	unissued := gaps{{1, 3}, {5, 8}, {8, 9}, {12, 1_000_012}}
	for _, c := range []struct {
		from JobID
		n    int
		want []JobID
	}{
		{1_000_013, 9, []JobID{1_000_013, 1_000_012, 11, 10, 9, 4, 3}},
		{1_000_013, 3, []JobID{1_000_013, 1_000_012, 11}},
		{1_000_011, 1, []JobID{11}},
		{12, 1, []JobID{11}},
		{8, 9, []JobID{4, 3}},
		{4, 9, []JobID{4, 3}},
		{2, 9, nil},
		{0, 9, nil},
	} {
		if got := idsDown(c.from, c.n, unissued); !slices.Equal(got, c.want) {
			t.Errorf("%d from %d down: %v, want %v", c.n, c.from, got, c.want)
		}
	}
	if got := idsDown(2, 9, nil); !slices.Equal(got, []JobID{2, 1}) {
		t.Errorf("without gaps: %v", got)
	}
}

func TestGapsGrow(t *testing.T) {
	unissued := gaps{}.with(1, 5).with(5, 9).with(10, 12)
	if want := (gaps{{1, 9}, {10, 12}}); !slices.Equal(unissued, want) {
		t.Errorf("%v, want %v: where no id was issued in between, they are one", unissued, want)
	}
}
