// Package jsonpickle reads bytes out of the JSON that the Python package of that name
// makes of them: an object with one of three names, by version and setting.
//
//	py/b64    base 64, with line breaks before 1.2; since 0.9.5, and today
//	py/b85    base 85 as Python's base64.b85encode writes it; where use_base85 is asked for, since 1.2
//	py/bytes  quoted-printable; before 0.9.5
package jsonpickle

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
)

// ErrInvalid: not what jsonpickle makes of bytes.
var ErrInvalid = errors.New(`want bytes as jsonpickle writes them: {"py/b64": "…"}`)

// Bytes reads the bytes of a document. Its errors wrap ErrInvalid.
func Bytes(document []byte) ([]byte, error) {
	var tags struct {
		B64   *string `json:"py/b64"`
		B85   *string `json:"py/b85"`
		Bytes *string `json:"py/bytes"`
	}
	if json.Unmarshal(document, &tags) != nil {
		return nil, ErrInvalid
	}
	switch {
	case tags.B64 != nil:
		return decoded("py/b64", "base 64", *tags.B64, base64.StdEncoding.DecodeString)
	case tags.B85 != nil:
		return decoded("py/b85", "base 85", *tags.B85, base85)
	case tags.Bytes != nil:
		return decoded("py/bytes", "quoted-printable", *tags.Bytes, func(text string) ([]byte, error) {
			return io.ReadAll(quotedprintable.NewReader(strings.NewReader(text)))
		})
	}
	return nil, ErrInvalid
}

func decoded(tag, code, text string, decode func(string) ([]byte, error)) ([]byte, error) {
	b, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%w; %s is no %s", ErrInvalid, tag, code)
	}
	return b, nil
}

// alphabet of RFC 1924, which encoding/ascii85 has not.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"

// base85 reads five characters as four bytes; the last may be fewer, by one.
func base85(text string) ([]byte, error) {
	lacking := (5 - len(text)%5) % 5
	text += strings.Repeat(alphabet[84:], lacking)
	out := bytes.NewBuffer(make([]byte, 0, len(text)/5*4))
	for ; text != ""; text = text[5:] {
		var n uint64
		for _, c := range []byte(text[:5]) {
			digit := strings.IndexByte(alphabet, c)
			if digit < 0 {
				return nil, ErrInvalid
			}
			n = n*85 + uint64(digit)
		}
		if n > 1<<32-1 {
			return nil, ErrInvalid
		}
		out.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	return out.Bytes()[:out.Len()-lacking], nil
}
