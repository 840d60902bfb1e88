package api

import (
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// wire brings a body, some bytes after each pause, and ends a wait at the deadline of its connection.
type wire struct {
	http.ResponseWriter

	bytes, left int
	pause       time.Duration
	deadline    time.Time
}

func (w *wire) SetReadDeadline(at time.Time) error {
	w.deadline = at
	return nil
}

func (w *wire) Read(p []byte) (int, error) {
	if !w.deadline.IsZero() && !time.Now().Add(w.pause).Before(w.deadline) {
		time.Sleep(time.Until(w.deadline)) //nolint:forbidigo // of the bubble's clock
		return 0, os.ErrDeadlineExceeded
	}
	if w.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(w.pause) //nolint:forbidigo // likewise
	n := min(w.bytes, w.left, len(p))
	w.left -= n
	return n, nil
}

func (w *wire) Close() error { return nil }

// TestPaceIsTheSendersOwn: what the store takes to say whether the token is still good, or who reads
// the body to keep it, counts for no sender; how slowly the bytes come does.
func TestPaceIsTheSendersOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what         string
		bytes, all   int
		pause        time.Duration // of the sender
		looks, keeps time.Duration // that the store takes, that the disk takes for each piece
		slow         bool
		asked        int // how often the store is; the bubble's clock is exact
	}{
		{"an honest one", 32 << 10, 1 << 20, 100 * time.Millisecond, time.Millisecond, 0, false, 3},
		{"a slow one", 1, 100, time.Second, time.Millisecond, 0, true, 5},
		{"the store hangs", 32 << 10, 1 << 20, 100 * time.Millisecond, 20 * time.Second, 0, false, 4},
		{"the store hangs, and a slow one", 1, 100, time.Second, 20 * time.Second, 0, true, 5},
		{"the disk hangs", 32 << 10, 1 << 20, time.Millisecond, time.Millisecond, 3 * time.Second, false, 32},
		{"fast, and a slow store", 32 << 10, 16 << 20, 10 * time.Millisecond, 1500 * time.Millisecond, 0, false, 6},
		{"one of the end", 100, 100, 1100 * time.Millisecond, time.Millisecond, 0, false, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{bytes: c.bytes, left: c.all, pause: c.pause}
			looks := 0
			b := &pacedBody{
				body: w, conn: http.NewResponseController(w), grace: 5 * time.Second, perSecond: 16 << 10,
				asked: time.Now(), looked: time.Now(),
				revoked: func() error {
					looks++
					time.Sleep(c.looks) //nolint:forbidigo // likewise
					return nil
				},
			}
			var err error
			for piece := make([]byte, 64<<10); err == nil; {
				_, err = b.Read(piece)
				time.Sleep(c.keeps) //nolint:forbidigo // likewise
			}
			if slow := errors.Is(err, os.ErrDeadlineExceeded); slow != c.slow || !slow && !errors.Is(err, io.EOF) {
				t.Errorf("%s: %v", c.what, err)
			}
			if looks != c.asked {
				t.Errorf("%s: asked %d times, want %d", c.what, looks, c.asked)
			}
		})
	}
}
