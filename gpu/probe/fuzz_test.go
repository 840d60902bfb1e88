package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// FuzzHeard: a line of the probe is an answer to a question that was asked, news, or no
// answer at all; its words can be shown anywhere.
func FuzzHeard(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, m := range []message{
		{ID: 1, Devices: []gpu.Device{{UUID: "GPU-1", Model: "A\x1b[31m100"}}},
		{ID: 2, Sample: &gpu.Sample{}},
		{ID: 1, Sample: &gpu.Sample{Err: "no\x1b[m", Recovery: "reset\n", Processes: []gpu.Process{{User: "a\rb", Name: "\u202ex"}}}},
		{ID: 1, Links: []gpu.Link{{A: "GPU-1\n", B: "GPU-2"}}, Sample: &gpu.Sample{UUID: "GPU-1\r", Fault: "o\x1b", Unheld: "\x07"}},
		{ID: 9, Error: "no\nsuch"},
		{Info: &gpu.Info{Driver: "5\r", Warnings: []string{"\u202e"}}},
		{Event: &gpu.Event{}},
		{Refused: "x"},
	} {
		text, err := json.Marshal(m) //nolint:musttag // package gpu's names are the same at both ends
		if err != nil {
			f.Fatal(err)
		}
		seeds.Add(text)
	}
	seeds.Add([]byte(`{"id":1,"sample":{"processes":[{"pid":-1,"used":-5}]}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		c := &child{calls: newCalls(), news: make(chan message, 1), noted: make(chan struct{})}
		close(c.noted)
		mine, _ := c.calls.enter(lane{callDevices, ""})
		if err := c.heard(line); err != nil {
			return
		}
		var said message
		select {
		case <-mine.done:
			said = mine.answer
			if said.ID != mine.ID {
				t.Fatalf("%q answered question %d", line, mine.ID)
			}
		case said = <-c.news:
		}
		for _, w := range wordsOf(t, said) {
			if w != gpu.Printable(w) {
				t.Fatalf("%q has the words %q", line, w)
			}
		}
	})
}

// wordsOf are all texts of a message, also of fields that are still to come.
func wordsOf(t *testing.T, m message) (words []string) {
	t.Helper()
	text, err := json.Marshal(m) //nolint:musttag // as above
	if err != nil {
		t.Fatal(err)
	}
	var all any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			words = append(words, v)
		case []any:
			for _, each := range v {
				walk(each)
			}
		case map[string]any:
			for _, each := range v {
				walk(each)
			}
		}
	}
	walk(all)
	return words
}

// nothing is a provider without devices.
type nothing struct{ gpu.Provider }

func (nothing) Devices(context.Context) ([]gpu.Device, error)      { return nil, nil }
func (nothing) Links(context.Context) ([]gpu.Link, error)          { return nil, nil }
func (nothing) Sample(context.Context, string) (gpu.Sample, error) { return gpu.Sample{}, nil }
func (nothing) Info() gpu.Info                                     { return gpu.Info{} }
func (nothing) Watch(context.Context) <-chan gpu.Event             { return nil }

// FuzzServe: whatever is asked, the probe's process answers in lines of JSON and ends
// with its input.
func FuzzServe(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add([]byte("{\"id\":1,\"call\":\"devices\"}\n{\"id\":2,\"call\":\"sample\",\"uuid\":\"GPU-1\"}\n"))
	seeds.Add([]byte("{\"id\":1,\"call\":\"x\"}\n\n"))
	seeds.Add(bytes.Repeat([]byte("a"), longestRequest+1))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, theirs := io.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		go func() {
			err := Serve(ctx, nothing{}, bytes.NewReader(in), theirs)
			theirs.CloseWithError(err) //nolint:errcheck // always nil
		}()
		said, _ := io.ReadAll(out) // an error: what was asked is no question
		if ctx.Err() != nil {
			t.Fatalf("%q held the probe up", in)
		}
		for line := range bytes.Lines(said) {
			var m message
			if err := json.Unmarshal(line, &m); err != nil { //nolint:musttag // as above
				t.Fatalf("it said %q: %v", line, err)
			}
		}
	})
}
