package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
)

var errShort = errors.New("it was cut off")

// input is what is left to read.
type input struct {
	b  []byte
	at int
}

func (in *input) take(n uint64) ([]byte, error) {
	if n > uint64(len(in.b)-in.at) {
		return nil, errShort
	}
	piece := in.b[in.at : in.at+int(n)]
	in.at += int(n)
	return piece, nil
}

func (in *input) byte() (byte, error) {
	b, err := in.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// number reads a number of so many bytes, little end first.
func (in *input) number(bytes uint64) (uint64, error) {
	b, err := in.take(bytes)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

// counted reads a length of so many bytes, and what has that length.
func (in *input) counted(bytes uint64) ([]byte, error) {
	n, err := in.number(bytes)
	if err != nil {
		return nil, err
	}
	return in.take(n)
}

// line reads up to a line's end, and leaves that out.
func (in *input) line() ([]byte, error) {
	n := bytes.IndexByte(in.b[in.at:], '\n')
	if n < 0 {
		return nil, errShort
	}
	piece := in.b[in.at : in.at+n]
	in.at += n + 1
	return piece, nil
}
