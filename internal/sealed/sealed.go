// Package sealed lets damage to a small file be seen: a text gets a last line with its sum.
//
// One digit that is another still makes a number, and JSON with another name for a field
// still is JSON; what such a file says would be believed. A text without the line is of an older
// build, or written by hand, and the reader judges it as it always did: the line's own damage
// leaves something that no reader takes for a part of its text.
package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrDamaged: the text is not the one that was sealed.
var ErrDamaged = errors.New("damaged")

const mark = "crc32c "

var table = crc32.MakeTable(crc32.Castagnoli)

// Seal gives text, which ends with a line break, its last line.
func Seal(text []byte) []byte {
	return fmt.Appendf(bytes.Clone(text), "%s%08x\n", mark, crc32.Checksum(text, table))
}

// Unseal gives the text without that line, and whether it had one. Errors: ErrDamaged.
func Unseal(b []byte) (text []byte, was bool, err error) {
	at := bytes.LastIndex(b, []byte("\n"+mark)) + 1
	if at == 0 {
		return b, false, nil
	}
	if text = b[:at]; !bytes.Equal(Seal(text), b) {
		return nil, true, ErrDamaged
	}
	return text, true, nil
}

// Line seals one line, within itself: for files that grow by lines.
func Line(text []byte) []byte {
	return fmt.Appendf(bytes.Clone(text), " %s%08x", mark, crc32.Checksum(text, table))
}

// UnsealLine gives what Line sealed; a line that is not sealed is given as it is.
// Errors: ErrDamaged.
func UnsealLine(b []byte) ([]byte, error) {
	at := bytes.LastIndex(b, []byte(" "+mark))
	if at < 0 {
		return b, nil
	}
	if !bytes.Equal(Line(b[:at]), b) {
		return nil, ErrDamaged
	}
	return b[:at], nil
}
