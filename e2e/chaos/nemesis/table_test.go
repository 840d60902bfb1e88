package nemesis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestTable: the table has all forty in their order, and says of each that is
// not injected why.
func TestTable(t *testing.T) {
	t.Parallel()
	rows := Table()
	if len(rows) != 40 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, f := range rows {
		if f.Number != fmt.Sprint("F", i+1) || f.Name == "" {
			t.Errorf("row %d is %s %q", i+1, f.Number, f.Name)
		}
		if !f.Injected() && f.Elsewhere == "" {
			t.Errorf("%s is not injected, and nobody says why", f.Number)
		}
	}
}

// TestDeck: each fault is drawn once before one is drawn again, in an order that
// the seed gives.
func TestDeck(t *testing.T) {
	t.Parallel()
	order := func(seed uint64) string {
		n, err := New(Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, f := range n.shuffled(rand.New(rand.NewPCG(seed, 1))) {
			all = append(all, f.Number)
		}
		return strings.Join(all, " ")
	}
	injected := 0
	for _, f := range Table() {
		if f.Injected() {
			injected++
			if strings.Count(" "+order(7)+" ", " "+f.Number+" ") != 1 {
				t.Errorf("%s is not once in %s", f.Number, order(7))
			}
		}
	}
	if n := len(strings.Fields(order(7))); n != injected {
		t.Errorf("%d are drawn of %d", n, injected)
	}
	if again := order(7); again != order(7) || again == order(8) {
		t.Errorf("seeds 7 and 8 give %s and %s", order(7), order(8))
	}
}

// TestOnly: what is asked for must be there, and be injected here.
func TestOnly(t *testing.T) {
	t.Parallel()
	for numbers, want := range map[string]string{"F3 F41": "there is no fault F41", "F20": "F20 (FLUSHALL) is not injected: users and tokens", "F3 F8": ""} {
		n, err := New(Options{Only: strings.Fields(numbers)})
		if want == "" && (err != nil || len(n.shuffled(rand.New(rand.NewPCG(1, 1)))) != 2) || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", numbers, err, want)
		}
	}
}

// TestNever: a fault that does not come about however often it is drawn is told; one that
// did once, or that the end of the run cut off, is not.
func TestNever(t *testing.T) {
	t.Parallel()
	no := errors.New("no")
	for name, c := range map[string]struct {
		missed []error // nil: it came about
		want   int
	}{
		"never":                 {[]error{no, no, no}, 1},
		"once":                  {[]error{no, nil, no, no}, 0},
		"hardly drawn":          {[]error{no, no}, 0},
		"the run ended instead": {[]error{no, no, errEnded}, 0},
	} {
		n, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		for id, missed := range c.missed {
			n.over(id, Fault{Number: "F5"}, missed, nil)
		}
		if got := n.never(); len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
