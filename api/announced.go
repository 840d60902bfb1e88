package api

import "io"

// unseenBytes is how much room a body gets before any of it has come. What a sender
// announces costs him nothing.
const unseenBytes = 64 << 10

// readAnnounced reads the size bytes that were announced. The room grows with what has
// come, to twice of it at most, so that a thousand large announcements take no memory.
func readAnnounced(r io.Reader, size int64) ([]byte, error) {
	body := make([]byte, 0, min(size, unseenBytes))
	for int64(len(body)) < size {
		if len(body) == cap(body) {
			body = append(make([]byte, 0, min(size, 2*int64(cap(body)))), body...)
		}
		n, err := io.ReadFull(r, body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err != nil {
			return body, err
		}
	}
	return body, nil
}
