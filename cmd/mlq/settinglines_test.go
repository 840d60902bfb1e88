package main

import "testing"

func TestSetLines(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an empty file":             {"", "A=1\n"},
		"another's lines":           {"# mine\nB=2\n", "# mine\nB=2\nA=1\n"},
		"its own line":              {"A=0\nB=2\n", "A=1\nB=2\n"},
		"a line that is commented":  {"#A=example\nB=2\n", "A=1\nB=2\n"},
		"both":                      {"#A=example\nA=0\n", "#A=example\nA=1\n"},
		"twice":                     {"A=0\nB=2\nA=3\n", "A=1\nB=2\n"},
		"without an end":            {"B=2", "B=2\nA=1\n"},
		"a name that begins alike":  {"AB=2\n", "AB=2\nA=1\n"},
		"one that goes":             {"GONE=1\n# GONE=example\n", "# GONE=example\nA=1\n"},
		"words that name a setting": {"# set A=1 for this\n", "# set A=1 for this\nA=1\n"},
	} {
		if got := setLines(c.text, []setting{{"A", "1"}, {"GONE", ""}}, envLine); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
