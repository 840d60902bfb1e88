package envelope

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// Part is a frame with its content, to be encoded.
type Part struct {
	Name string
	Data []byte
}

// Encode builds an envelope; the header's Frames and Size follow from the parts.
func Encode(h Header, parts ...Part) ([]byte, error) {
	frames := make([]wireFrame, len(parts))
	for i, p := range parts {
		frames[i] = wireFrame{p.Name, int64(len(p.Data))}
	}
	text, err := json.Marshal(struct {
		*Header
		Frames []wireFrame `json:"frames"`
	}{&h, frames})
	if err != nil {
		return nil, fmt.Errorf("encode an envelope's header: %w", err)
	}
	if len(text) > MaxHeader {
		return nil, fmt.Errorf("%w: header of %d bytes, at most %d", ErrInvalid, len(text), MaxHeader)
	}
	if err := h.place(frames, prefix+int64(len(text))); err != nil {
		return nil, err
	}
	return assemble(h, text, parts), nil
}

func assemble(h Header, text []byte, parts []Part) []byte {
	out := make([]byte, h.Size)
	copy(out, magic)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(text)))
	copy(out[prefix:], text)
	for i, p := range parts {
		copy(out[h.Frames[i].Offset:], p.Data)
	}
	return out
}
