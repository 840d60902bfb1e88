package stride

import (
	"fmt"
	"testing"
)

func TestStride(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		sizes []int // of all records of each read
		want  string
	}{
		{[]int{1000, 1000, 1000, 1000, 1000, 1000}, "[8 16 32 64 100 100]"},
		{[]int{64 * mib, 64 * mib, 64 * mib, 1000, 1000}, "[8 1 1 1 2]"},
		{[]int{mib, mib, mib, mib, mib}, "[8 8 8 8 8]"},
		{[]int{1000, 1000, 1000, 2 * mib, mib / 8}, "[8 16 32 64 8]"},
		{[]int{0, 0}, "[8 16]"},
	} {
		s := UpTo(100)
		var got []int
		for _, size := range c.sizes {
			got = append(got, s.Next())
			s.Was(s.Next(), s.Next()*size)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%v: %v, want %s", c.sizes, got, c.want)
		}
	}
	s := UpTo(3)
	s.Was(1, 10) // the last few: no reason to read more
	if s.Next() != 3 || UpTo(100).Next() != 8 {
		t.Error(s.Next())
	}
}
