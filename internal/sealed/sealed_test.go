package sealed

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// TestEveryBit: with any bit flipped, and cut at any place, what a number's or JSON's reader
// takes is what was written, or nothing.
func TestEveryBit(t *testing.T) {
	number := func(b []byte) bool {
		n, err := strconv.ParseInt(strings.TrimSuffix(string(b), "\n"), 10, 64)
		return err == nil && n != 1234567 && bytes.HasSuffix(b, []byte("\n"))
	}
	object := func(b []byte) bool {
		var v map[string]string
		return json.Unmarshal(b, &v) == nil && v["user"] != "ana"
	}
	for text, wrong := range map[string]func([]byte) bool{"1234567\n": number, "{\"user\":\"ana\"}\n": object} {
		whole := Seal([]byte(text))
		if got, was, err := Unseal(whole); err != nil || !was || string(got) != text {
			t.Fatalf("%q: %q, %v, %v", whole, got, was, err)
		}
		for bit := range len(whole) * 8 {
			b := bytes.Clone(whole)
			b[bit/8] ^= 1 << (bit % 8)
			if got, _, err := Unseal(b); err == nil && wrong(got) {
				t.Errorf("%q is taken for %q", b, got)
			}
		}
		for n := range whole {
			if got, _, err := Unseal(whole[:n]); err == nil && wrong(got) {
				t.Errorf("%q is taken for %q", whole[:n], got)
			}
		}
	}
}

func TestLine(t *testing.T) {
	whole := Line([]byte(`{"fence":7}`))
	if got, err := UnsealLine(whole); err != nil || string(got) != `{"fence":7}` {
		t.Fatalf("%q: %q, %v", whole, got, err)
	}
	for bit := range len(whole) * 8 {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		var v map[string]int
		if got, err := UnsealLine(b); err == nil && json.Unmarshal(got, &v) == nil {
			t.Errorf("%q is taken for %v", b, v)
		}
	}
}
