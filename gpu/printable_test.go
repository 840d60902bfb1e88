package gpu

import "testing"

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"the driver says: no (17)":     "the driver says: no (17)",
		"Größe 模型":                     "Größe 模型",
		"a\x1b[31mb\x07\x00\x7f":       "a?[31mb???",
		"one\ntwo\r\tthree":            "one?two??three",
		"a\u202eb\u2066c\u200bd\u2028": "a?b?c?d?",
		"\xff\xc3(":                    "??(",
		"\u009b2J":                     "?2J",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
