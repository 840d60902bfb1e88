package slot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"time"
)

// trailPause is how long a trail that has caught up waits for more.
const trailPause = 10 * time.Millisecond

// trail hashes a file while another process appends to it, so that at the end little
// is left to hash. Whoever changes what was hashed already gets a digest that is not the
// file's; the server, which hashes what it receives, refuses that.
type trail struct {
	whole chan struct{} // closed: nothing is appended any more
	end   chan trailEnd // gets one
}

type trailEnd struct {
	sum  string
	size int64
	err  error
}

// follow begins at the file's start. It ends with whole, or with an error of the file,
// as once it is closed.
func follow(file *os.File) *trail {
	t := &trail{whole: make(chan struct{}), end: make(chan trailEnd, 1)}
	go func() {
		h := sha256.New()
		size, err := t.read(file, h)
		t.end <- trailEnd{hex.EncodeToString(h.Sum(nil)), size, err}
	}()
	return t
}

func (t *trail) read(file *os.File, h hash.Hash) (at int64, err error) {
	buffer := make([]byte, hashBuffer)
	pause := time.NewTicker(trailPause)
	defer pause.Stop()
	for last := false; ; {
		n, err := file.ReadAt(buffer, at)
		h.Write(buffer[:n])
		at += int64(n)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return at, err
		case n > 0:
			continue
		case last:
			return at, nil
		}
		select {
		case <-t.whole:
			last = true // and what came before it was closed
		case <-pause.C:
		}
	}
}

// finish tells the digest and size of all of it, once all who could write are dead.
func (t *trail) finish() (sum string, size int64, err error) {
	close(t.whole)
	e := <-t.end
	return e.sum, e.size, e.err
}
