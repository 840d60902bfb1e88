package boottime

import "testing"

func TestNowGrows(t *testing.T) {
	a := Now()
	b := Now()
	if a <= 0 || b < a {
		t.Fatalf("went from %v to %v", a, b)
	}
}

func TestIDIsStable(t *testing.T) {
	a, err := ID()
	if err != nil {
		t.Fatal(err)
	}
	b, err := ID()
	if err != nil {
		t.Fatal(err)
	}
	if len(a) != 36 || a != b {
		t.Fatalf("boot ids %q and %q", a, b)
	}
}
