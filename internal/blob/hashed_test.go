package blob

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func TestCopyHashed(t *testing.T) {
	source := make([]byte, 3*hashBuffers*copyBuffer+777)
	for i := range source {
		source[i] = byte(rand.Uint32()) //nolint:gosec // any bytes
	}
	for _, size := range []int{0, 1, copyBuffer - 1, copyBuffer, copyBuffer + 1, 5 * copyBuffer, len(source)} {
		for name, r := range map[string]io.Reader{
			"whole":         bytes.NewReader(source[:size]),
			"halves":        iotest.HalfReader(bytes.NewReader(source[:size])),
			"EOF with data": iotest.DataErrReader(bytes.NewReader(source[:size])),
		} {
			var got bytes.Buffer
			h := sha256.New()
			n, err := CopyHashed(&got, r, h)
			want := sha256.Sum256(source[:size])
			if err != nil || n != int64(size) || !bytes.Equal(got.Bytes(), source[:size]) || !bytes.Equal(h.Sum(nil), want[:]) {
				t.Errorf("%s of %d bytes: %d, %v", name, size, n, err)
			}
		}
	}
}

// failing takes so many bytes and then no more.
type failing struct{ left int }

var errFull = errors.New("full")

// Write fails when all is used up.
func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestCopyHashedFails(t *testing.T) {
	source := make([]byte, 20*copyBuffer)
	for _, at := range []int{0, copyBuffer, 9 * copyBuffer} {
		if _, err := CopyHashed(&failing{left: at}, bytes.NewReader(source), sha256.New()); !errors.Is(err, errFull) {
			t.Errorf("a writer that fails after %d: %v", at, err)
		}
		broken := io.MultiReader(bytes.NewReader(source[:at+5]), iotest.ErrReader(io.ErrUnexpectedEOF))
		if _, err := CopyHashed(io.Discard, broken, sha256.New()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a reader that breaks after %d: %v", at, err)
		}
		reset := io.MultiReader(bytes.NewReader(source[:at+5]), iotest.ErrReader(fmt.Errorf("reset: %w", io.EOF)))
		if _, err := CopyHashed(io.Discard, reset, sha256.New()); err == nil {
			t.Errorf("a connection that is reset after %d counts as its end", at)
		}
	}
}
