// Package envelope reads and writes the format that carries a call from the
// notebook to the runner and a result back (docs/envelope.md). It routes and
// checks; it never looks into a pickle.
package envelope

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Limits and layout of the format.
const (
	Media      = "application/vnd.mlq.v1"
	MediaBatch = "application/vnd.mlq.v1+batch"

	MaxHeader = 1 << 20 // bytes
	MaxFrames = 4096

	magic     = "MLQ1"
	prefix    = 8    // magic and the header's length
	aligned   = 4096 // frames from this size on start at a multiple of alignment
	alignment = 64
)

// Kinds of envelopes.
const (
	KindCall   = "call"
	KindResult = "result"
	KindError  = "error"
)

// Kinds of values in a result.
const (
	ValueBytes  = "bytes"
	ValueText   = "text"
	ValueJSON   = "json"
	ValuePickle = "pickle"
)

// ErrInvalid is wrapped by every error about the content of an envelope.
var ErrInvalid = errors.New("invalid envelope")

// Header is the JSON at the start of an envelope, and where its frames lie.
type Header struct {
	Kind        string          `json:"kind"`
	Function    string          `json:"function,omitempty"`
	Python      string          `json:"python,omitempty"`
	Cloudpickle string          `json:"cloudpickle,omitempty"`
	Request     json.RawMessage `json:"request,omitempty"`
	Value       string          `json:"value,omitempty"`
	Short       string          `json:"short,omitempty"`
	Type        string          `json:"type,omitempty"`
	Message     string          `json:"message,omitempty"`
	Traceback   string          `json:"traceback,omitempty"`
	Reason      string          `json:"reason,omitempty"`
	Module      string          `json:"module,omitempty"`
	Modules     *Blob           `json:"modules,omitempty"`

	Frames []Frame `json:"-"`
	Size   int64   `json:"-"` // of the whole envelope, in bytes
}

// Blob names bytes that are kept beside the envelope.
type Blob struct {
	SHA256 string `json:"sha256"` // hex
	Size   int64  `json:"size"`   // bytes
}

// Frame is one piece of an envelope.
type Frame struct {
	Name   string
	Offset int64 // from the envelope's first byte
	Size   int64
}

// Frame returns the frame of that name.
func (h *Header) Frame(name string) (Frame, bool) {
	for _, f := range h.Frames {
		if f.Name == name {
			return f, true
		}
	}
	return Frame{}, false
}

// ReadHeader reads the header from the start of an envelope; what follows in
// r are the frames.
func ReadHeader(r io.Reader) (*Header, error) {
	var start [prefix]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return nil, cutOff("its first 8 bytes", err)
	}
	if string(start[:4]) != magic {
		return nil, fmt.Errorf("%w: does not start with %s", ErrInvalid, magic)
	}
	size := binary.LittleEndian.Uint32(start[4:])
	if size > MaxHeader {
		return nil, fmt.Errorf("%w: header of %d bytes, at most %d", ErrInvalid, size, MaxHeader)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, cutOff("its header", err)
	}
	return decodeHeader(text)
}

// cutOff tells an envelope that ends too early from a reader that failed.
func cutOff(where string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: ends within %s", ErrInvalid, where)
	}
	return fmt.Errorf("read an envelope: %w", err)
}

func decodeHeader(text []byte) (*Header, error) {
	wire := struct {
		*Header
		Frames []wireFrame `json:"frames"`
	}{Header: &Header{}}
	if err := checkHeader(text); err != nil {
		return nil, fmt.Errorf("%w: header: %.200v", ErrInvalid, err) //nolint:errorlint // it quotes foreign text, of any length
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return nil, fmt.Errorf("%w: header: %.200v", ErrInvalid, err) //nolint:errorlint // likewise: a number that does not fit
	}
	h := wire.Header
	switch h.Kind {
	case KindCall, KindResult, KindError:
	default:
		return nil, fmt.Errorf("%w: kind must be call, result or error", ErrInvalid)
	}
	return h, h.place(wire.Frames, prefix+int64(len(text)))
}

// wireFrame is [name, size] in the header.
type wireFrame struct {
	Name string
	Size int64
}

// UnmarshalJSON reads [name, size].
func (f *wireFrame) UnmarshalJSON(text []byte) error {
	if f.plain(string(text)) {
		return nil
	}
	var pair []json.RawMessage
	if err := json.Unmarshal(text, &pair); err != nil {
		return fmt.Errorf("frame: %w", err)
	}
	if len(pair) != 2 || string(pair[0]) == "null" || string(pair[1]) == "null" {
		return errors.New("a frame is a name and a size")
	}
	if err := json.Unmarshal(pair[0], &f.Name); err != nil {
		return fmt.Errorf("frame's name: %w", err)
	}
	if err := json.Unmarshal(pair[1], &f.Size); err != nil {
		return fmt.Errorf("frame's size: %w", err)
	}
	return nil
}

// plain reads a frame as every client writes it, without escapes, signs or
// exponents: servers read many of them. It reports false for all others.
func (f *wireFrame) plain(text string) bool {
	text, ok := strings.CutPrefix(text, `["`)
	name, rest, closed := strings.Cut(text, `"`)
	rest, comma := strings.CutPrefix(rest, ",")
	digits, ended := strings.CutSuffix(strings.TrimPrefix(rest, " "), "]")
	if !ok || !closed || !comma || !ended || !plainName(name) {
		return false
	}
	size, err := strconv.ParseUint(digits, 10, 50)
	if err != nil {
		return false
	}
	f.Name, f.Size = name, int64(size)
	return true
}

func plainName(name string) bool {
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// MarshalJSON writes [name, size].
func (f wireFrame) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]any{f.Name, f.Size})
}

// place computes where each frame lies; at is the end of the header.
func (h *Header) place(frames []wireFrame, at int64) error {
	if len(frames) > MaxFrames {
		return fmt.Errorf("%w: %d frames, at most %d", ErrInvalid, len(frames), MaxFrames)
	}
	h.Frames = make([]Frame, len(frames))
	for i, f := range frames {
		if f.Size < 0 || f.Size > 1<<50 {
			return fmt.Errorf("%w: frame %d has an impossible size", ErrInvalid, i)
		}
		at += padding(at, f.Size)
		h.Frames[i] = Frame{Name: f.Name, Offset: at, Size: f.Size}
		at += f.Size
	}
	h.Size = at
	return nil
}

// padding is how many zero bytes stand before a frame of that size.
func padding(at, size int64) int64 {
	if size < aligned {
		return 0
	}
	return -at & (alignment - 1)
}

// Parse reads the header of an envelope that is all in memory and starts at
// data[0]; h.Size tells where it ends.
func Parse(data []byte) (*Header, error) {
	h, err := ReadHeader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if h.Size > int64(len(data)) {
		return nil, cutShort(h, data)
	}
	return h, nil
}

// ParseAll is Parse for data that must hold exactly one envelope.
func ParseAll(data []byte) (*Header, error) {
	h, err := Parse(data)
	if err != nil {
		return nil, err
	}
	if h.Size != int64(len(data)) {
		return nil, fmt.Errorf("%w: %d bytes follow its end", ErrInvalid, int64(len(data))-h.Size)
	}
	return h, nil
}
