package api

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// TestReadAnnounced: the body is whole, whatever pieces it comes in, and an early end is told.
func TestReadAnnounced(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, unseenBytes - 1, unseenBytes, unseenBytes + 1, 5*unseenBytes + 3} {
		want := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(want) // never fails
		for name, r := range map[string]io.Reader{
			"at once": bytes.NewReader(want), "by halves": iotest.HalfReader(bytes.NewReader(want)), "end with the data": iotest.DataErrReader(bytes.NewReader(want)),
		} {
			if got, err := readAnnounced(r, int64(size)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes %s: %d came, %v", size, name, len(got), err)
			}
		}
		if _, err := readAnnounced(bytes.NewReader(want), int64(size)+1); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes of one more: %v", size, err)
		}
	}
}

// roomy remembers for how much more room was made than had come.
type roomy struct {
	io.Reader
	came, ahead int
}

func (m *roomy) Read(p []byte) (int, error) {
	m.ahead = max(m.ahead, len(p)-m.came)
	n, err := m.Reader.Read(p)
	m.came += n
	return n, err
}

// TestRoomForAnnounced: at no time there is more room than for twice of what came.
func TestRoomForAnnounced(t *testing.T) {
	t.Parallel()
	const size = 16 << 20
	m := roomy{Reader: iotest.HalfReader(bytes.NewReader(make([]byte, size)))}
	if _, err := readAnnounced(&m, size); err != nil || m.came != size {
		t.Fatalf("%d bytes came, %v", m.came, err)
	}
	if m.ahead > unseenBytes {
		t.Errorf("%d bytes of room ahead of what came, want %d at most", m.ahead, unseenBytes)
	}
}
