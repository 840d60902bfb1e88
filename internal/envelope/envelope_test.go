package envelope

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	big := bytes.Repeat([]byte{7}, 5000)
	data, err := Encode(Header{Kind: KindCall, Function: "train", Python: "3.11.7"},
		Part{"code", []byte("abc")}, Part{"args", nil}, Part{"b0", big}, Part{"b1", []byte("z")})
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseAll(data)
	if err != nil {
		t.Fatal(err)
	}
	if h.Function != "train" || h.Python != "3.11.7" || len(h.Frames) != 4 {
		t.Fatalf("header came back as %+v", h)
	}
	b0, _ := h.Frame("b0")
	if b0.Offset%64 != 0 || !bytes.Equal(data[b0.Offset:b0.Offset+b0.Size], big) {
		t.Errorf("b0 at %d: not aligned, or other bytes", b0.Offset)
	}
	b1, _ := h.Frame("b1")
	if b1.Offset != b0.Offset+b0.Size || data[b1.Offset] != 'z' {
		t.Errorf("b1 at %d, want right after b0", b1.Offset)
	}
	if _, ok := h.Frame("nothing"); ok {
		t.Error("a frame that is not there was found")
	}
}

// TestRow: a row reads as its envelopes alone do, whether headers repeat or not.
func TestRow(t *testing.T) {
	var all []byte
	var want []string
	for _, parts := range [][]Part{{{"a", []byte("one")}}, {{"a", []byte("two")}}, {{"a", []byte("three")}}, {{"b", []byte("3rd")}}, {{"b", []byte("4th")}}} {
		data, err := Encode(Header{Kind: KindCall, Function: "f", Python: "3.11.7"}, parts...)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
		want = append(want, string(parts[0].Data))
	}
	var row Row
	repeats := 0
	for i, rest := 0, all; len(rest) > 0; i++ {
		h, again, err := row.Next(rest)
		if err != nil {
			t.Fatal(err)
		}
		if again {
			repeats++
		}
		f := h.Frames[0]
		if got := string(rest[f.Offset : f.Offset+f.Size]); got != want[i] {
			t.Errorf("envelope %d holds %q, want %q", i, got, want[i])
		}
		rest = rest[h.Size:]
	}
	if repeats != 2 {
		t.Errorf("%d headers were the ones before, want 2", repeats)
	}
	if _, _, err := row.Next(all[len(all)-10:]); !errors.Is(err, ErrInvalid) {
		t.Errorf("no envelope: got %v, want ErrInvalid", err)
	}
	last := len(all) - 1
	start := last - int(row.header.Size) + 1
	if _, _, err := row.Next(all[start:last]); !errors.Is(err, ErrInvalid) {
		t.Errorf("a known header, cut off in its frames: got %v, want ErrInvalid", err)
	}
}

// TestFramesReadAlike: however a frame is written, it is the same frame.
func TestFramesReadAlike(t *testing.T) {
	for _, text := range []string{`["a",3]`, `["a", 3]`, `[ "a" , 3 ]`, "[\"a\",\n3]", `["\u0061",3]`} {
		h, err := Parse(append(raw(`{"kind":"call","frames":[`+text+`]}`), "xyz"...))
		if err != nil || len(h.Frames) != 1 || h.Frames[0].Name != "a" || h.Frames[0].Size != 3 {
			t.Errorf("%s: got %+v, %v", text, h, err)
		}
	}
	for _, text := range []string{`["a"]`, `["a",3,"more"]`, `[null,3]`, `["a",null]`, `["a",3.5]`, `["a","3"]`, `["a",1e99]`, `["a",-3]`, `[3,"a"]`} {
		if _, err := Parse(append(raw(`{"kind":"call","frames":[`+text+`]}`), "xyz"...)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", text, err)
		}
	}
}

func TestUnknownHeaderFieldsAreIgnored(t *testing.T) {
	if _, err := ParseAll(raw(`{"kind":"call","frames":[],"news":1}`)); err != nil {
		t.Fatal(err)
	}
}

func TestParseRefuses(t *testing.T) {
	whole, err := Encode(Header{Kind: KindResult, Value: ValueText}, Part{"view", []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	huge := append([]byte(magic), 0xff, 0xff, 0xff, 0x7f)
	many := `{"kind":"call","frames":[` + strings.Repeat(`["a",0],`, MaxFrames) + `["a",0]]}`
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"other magic":     []byte("PK\x03\x04aaaaaaaa"),
		"huge header":     huge,
		"cut in header":   whole[:20],
		"cut in frames":   whole[:len(whole)-1],
		"trailing":        append(bytes.Clone(whole), 0),
		"not JSON":        raw(`{"kind":`),
		"other kind":      raw(`{"kind":"pickle","frames":[]}`),
		"negative frame":  raw(`{"kind":"call","frames":[["a",-1]]}`),
		"huge frame":      raw(`{"kind":"call","frames":[["a",9007199254740993],["b",9007199254740993]]}`),
		"frame of 3":      raw(`{"kind":"call","frames":["a"]}`),
		"too many frames": raw(many),
	} {
		if _, err := ParseAll(data); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

func raw(header string) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(header)))
	return append(out, header...)
}
