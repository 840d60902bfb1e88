package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// FuzzParse: the frames of what is taken lie within it, where another reader of the same
// rules finds them; and it is taken alike alone, as one of a row, and written anew.
func FuzzParse(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add(append(raw(`{"kind":"call","frames":[["a",3]]}`), "xyz"...))
	seeds.Add(append(raw(`{"kind":"result","value":"text","short":"s","frames":[["a",0],["\u0062",1]],"request":{"x":[1]}}`), 'y'))
	seeds.Add(raw(`{"kind":"error","frames":[["a",1125899906842624],["b",1e3]]}`))
	seeds.Add(raw(`{"kind":"call","frames":[["a",` + strings.Repeat("9", 900_000) + `]]}`)) // an error must not quote it whole
	seeds.Add(raw(`{"kind":"call","frames":[],"modules":{"size":` + strings.Repeat("9", 900_000) + `}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Parse(data)
		var row Row
		first, _, errRow := row.Next(data)
		if (err == nil) != (errRow == nil) || err == nil && !reflect.DeepEqual(h, first) {
			t.Fatalf("alone %+v, %v; in a row %+v, %v", h, err, first, errRow)
		}
		if err != nil {
			if !errors.Is(err, ErrInvalid) || len(err.Error()) > 400 {
				t.Fatalf("an error of no kind: %.500v", err)
			}
			return
		}
		parts := make([]Part, len(h.Frames))
		end := int64(prefix)
		for i, fr := range h.Frames {
			if fr.Offset < end || fr.Size < 0 || fr.Offset+fr.Size > h.Size || h.Size > int64(len(data)) {
				t.Fatalf("frame %+v lies outside of %d bytes", fr, len(data))
			}
			end = fr.Offset + fr.Size
			parts[i] = Part{fr.Name, data[fr.Offset:end]}
		}
		sameAgain(t, h, parts)
		if second, again, err := row.Next(data); err != nil || !again || second != h && !reflect.DeepEqual(second, h) {
			t.Fatalf("the second time %+v, %v, %v", second, again, err)
		}
	})
}

// sameAgain: what was read is written and read again as the same.
func sameAgain(t *testing.T, h *Header, parts []Part) {
	t.Helper()
	if len(h.Request) > 0 && !json.Valid(h.Request) {
		t.Fatalf("the request is %q", h.Request)
	}
	text, err := Encode(*h, parts...)
	if errors.Is(err, ErrInvalid) { // escaped, a header may be longer than it was
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseAll(text)
	if err != nil || again.Kind != h.Kind || again.Function != h.Function || again.Short != h.Short || len(again.Frames) != len(parts) {
		t.Fatalf("%+v was written and read as %+v, %v", h, again, err)
	}
	for i, fr := range again.Frames {
		if fr.Name != parts[i].Name || !bytes.Equal(text[fr.Offset:fr.Offset+fr.Size], parts[i].Data) {
			t.Fatalf("frame %d was read as %+v", i, fr)
		}
	}
}
