package envelope

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Row reads envelopes that stand one behind the other. Calls of one function
// tend to have the same header, byte for byte, which is then decoded once.
type Row struct {
	text   []byte // of the last header
	header *Header
}

// Next is Parse for the envelope at the start of data. again says that its
// header is the very one that was returned before.
func (r *Row) Next(data []byte) (h *Header, again bool, err error) {
	if text := headerText(data); text != nil && r.header != nil && bytes.Equal(text, r.text) {
		h, again = r.header, true
	} else if h, err = Parse(data); err != nil {
		return nil, false, err
	} else {
		r.text, r.header = text, h
	}
	if h.Size > int64(len(data)) {
		return nil, false, cutShort(h, data)
	}
	return h, again, nil
}

// headerText is the header's JSON; nil where data is too short for what it says.
func headerText(data []byte) []byte {
	if len(data) < prefix || string(data[:4]) != magic {
		return nil
	}
	size := int64(binary.LittleEndian.Uint32(data[4:]))
	if size > int64(len(data)-prefix) {
		return nil
	}
	return data[prefix : prefix+size]
}

func cutShort(h *Header, data []byte) error {
	return fmt.Errorf("%w: ends within its frames: %d bytes of %d", ErrInvalid, len(data), h.Size)
}
