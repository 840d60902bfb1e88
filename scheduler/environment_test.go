package scheduler

import "testing"

func TestWhyNoEnvironment(t *testing.T) {
	lab := Environment{Name: "lab", Version: "3.11.7"}
	old := Environment{Name: "old", Version: "3.9.18"}
	broken := Environment{Name: "py312", Version: "3.12.1", Problem: "cloudpickle is missing"}
	gone := Environment{Name: "gone", Problem: "no such file"}
	for _, tt := range []struct {
		name, call, python string
		has                []Environment
		want               string
	}{
		{"a broken one of another version is not why", "3.13", "", []Environment{lab, old, broken}, "a: environment lab is Python 3.11, old is Python 3.9, py312 is Python 3.12, the call needs 3.13"},
		{"a broken one of this version is", "3.12", "", []Environment{lab, broken, old}, "a: environment py312: cloudpickle is missing"},
		{"whatever its order", "3.12", "", []Environment{broken, lab}, "a: environment py312: cloudpickle is missing"},
		{"one whose version nobody knows", "3.12", "", []Environment{lab, gone}, "a: environment lab is Python 3.11, gone (no such file), the call needs 3.12"},
		{"a script needs no version", "", "", []Environment{gone}, "a: environment gone: no such file"},
		{"only that which was asked for", "3.12", "lab", []Environment{lab, broken}, "a: environment lab is Python 3.11, the call needs 3.12"},
		{"one that is not there", "3.11", "torch", []Environment{lab}, `a offers no Python "torch"`},
		{"none at all", "3.11", "", nil, "a offers no Python environment"},
		{"a broken one beside a whole one", "3.11", "", []Environment{broken, gone, lab}, ""},
	} {
		found, why := chooseEnvironment(Need{Call: tt.call, Python: tt.python}, &Offer{Host: "a", Environments: tt.has})
		if why != tt.want || (found.Name != "lab") != (tt.want != "") {
			t.Errorf("%s: %q, want %q; found %q", tt.name, why, tt.want, found.Name)
		}
	}
}
