package blob

import (
	"errors"
	"hash"
	"io"
)

// hashBuffers is how many pieces may wait for the hash.
const hashBuffers = 4

// CopyHashed copies r to w and puts all of it into h, which is computed beside:
// for large copies it takes as long as the slower of the two, not as both.
func CopyHashed(w io.Writer, r io.Reader, h hash.Hash) (int64, error) {
	buffer := make([]byte, copyBuffer)
	n, err := fill(r, buffer)
	if err != nil { // all of it is here
		h.Write(buffer[:n])
		return int64(n), errors.Join(writeAll(w, buffer[:n]), unlessEOF(err))
	}
	c := beside(h, buffer)
	defer c.stop()
	total := int64(0)
	for {
		if n > 0 {
			c.hash <- buffer[:n]
		}
		if failed := writeAll(w, buffer[:n]); failed != nil {
			return total, failed
		}
		total += int64(n)
		if err != nil {
			return total, unlessEOF(err)
		}
		buffer = <-c.free
		n, err = fill(r, buffer)
	}
}

// hasher hashes pieces in their order, in a goroutine of its own. A piece is
// only read until it comes back as free.
type hasher struct {
	hash chan []byte
	free chan []byte
	done chan struct{}
}

// beside starts a hasher that has as many buffers as it takes, beside the first.
func beside(h hash.Hash, first []byte) *hasher {
	c := &hasher{hash: make(chan []byte, hashBuffers), free: make(chan []byte, hashBuffers), done: make(chan struct{})}
	for range hashBuffers - 1 {
		c.free <- make([]byte, len(first))
	}
	go func() {
		defer close(c.done)
		for piece := range c.hash {
			h.Write(piece)
			c.free <- piece[:cap(piece)]
		}
	}()
	return c
}

// stop waits until all is hashed.
func (c *hasher) stop() {
	close(c.hash)
	<-c.done
}

// fill reads until the buffer is full or r ends, with io.EOF or an error.
func fill(r io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var k int
		k, err = r.Read(buffer[n:])
		n += k
	}
	return n, err
}

func writeAll(w io.Writer, data []byte) error {
	n, err := w.Write(data)
	if err == nil && n < len(data) {
		return io.ErrShortWrite
	}
	return err
}

// unlessEOF takes io.EOF itself for the end, as io.Copy does: an error that wraps it
// is a connection that broke.
func unlessEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // see above
		return nil
	}
	return err
}
