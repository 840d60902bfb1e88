package pickle

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

type sample struct {
	what, name string
	pickle     []byte
}

// samples are what Python wrote (testdata/make.py).
func samples(tb testing.TB) (all []sample) {
	tb.Helper()
	text, err := os.ReadFile("testdata/functions.tsv")
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(strings.TrimSpace(line), "\t")
		data, err := base64.StdEncoding.DecodeString(parts[2])
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, sample{parts[0], parts[1], data})
	}
	return all
}

var refusals = map[string]error{"!not a function": ErrNotFunction, "!no name": ErrNoName}

func TestFunctionName(t *testing.T) {
	for _, s := range samples(t) {
		name, err := FunctionName(s.pickle)
		if refusal := refusals[s.name]; refusal != nil {
			if !errors.Is(err, refusal) {
				t.Errorf("%s: %q, %v; want %v", s.what, name, err, refusal)
			}
			continue
		}
		if err != nil || name != s.name {
			t.Errorf("%s: %q, %v; want %q", s.what, name, err, s.name)
		}
	}
}

// TestCutOff: whatever is left of a pickle is not a pickle.
func TestCutOff(t *testing.T) {
	for _, s := range samples(t) {
		for n := range s.pickle {
			if n > 2000 { // the rest of the long ones is like it
				break
			}
			if name, err := FunctionName(s.pickle[:n]); !errors.Is(err, ErrInvalid) {
				t.Fatalf("%s, %d of %d bytes: %q, %v", s.what, n, len(s.pickle), name, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for what, c := range map[string]struct {
		pickle []byte
		says   string
	}{
		"nothing":                    {nil, "cut off"},
		"a text":                     {[]byte("def f(m): ..."), "at byte"},
		"a later protocol":           {[]byte("\x80\x06N."), "of protocol 6, the newest is 5"},
		"more than there can be":     {bytes.Repeat([]byte("("), MaxObjects+1), "more than 262144 objects"},
		"a length beyond the end":    {[]byte("\x80\x05\x8e\xff\xff\xff\xff\xff\xff\xff\xffN."), "cut off"},
		"a memo that was not filled": {[]byte("h\x07."), "refers to what was not there"},
		"an end without anything":    {[]byte("."), "not there"},
		"an end at a mark":           {[]byte("(."), "in the middle"},
		"buffers beside it":          {[]byte("\x80\x05\x97."), "buffers are not in it"},
	} {
		if name, err := FunctionName(c.pickle); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v; want %q", what, name, err, c.says)
		}
	}
}

// TestDeepIsCheap: a pickle that nests for as long as it is does not become large.
func TestDeepIsCheap(t *testing.T) {
	deep := append(append([]byte(")"), bytes.Repeat([]byte{0x85}, 1<<20)...), '.')
	if n := testing.AllocsPerRun(1, func() { _, _ = FunctionName(deep) }); n > 4<<20 {
		t.Errorf("%v allocations", n)
	}
	if _, err := FunctionName(deep); !errors.Is(err, ErrNotFunction) {
		t.Error(err)
	}
}

// FuzzFunctionName: any bytes have an answer, and what is a name is found again in them.
func FuzzFunctionName(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, s := range samples(f) {
		if len(s.pickle) < 4096 {
			seeds.Add(s.pickle)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		name, err := FunctionName(data)
		if err == nil && !bytes.Contains(data, []byte(name)) {
			t.Errorf("%q is nowhere in the pickle", name)
		}
		if err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrNotFunction) && !errors.Is(err, ErrNoName) {
			t.Errorf("an error of no kind: %v", err)
		}
	})
}
