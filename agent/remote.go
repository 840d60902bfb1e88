package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mlq-dev/mlq/scheduler"
)

// API is what the agent needs of the HTTP server: payloads, functions,
// secrets, results and logs.
// Safe for concurrent use. An error that wraps ErrRefused is final; after any
// other the same call is made again.
type API interface {
	// GetBlob opens the blob with this SHA-256 (hex). ErrRefused: there is none.
	GetBlob(ctx context.Context, sha256 string) (io.ReadCloser, error)
	// PutBlob keeps size bytes of body as the blob with this SHA-256 (hex). It
	// may ask for the bytes more than once. ErrRefused: larger than the server takes.
	PutBlob(ctx context.Context, sha256 string, size int64, body io.ReaderAt) error
	// PutLog keeps a piece of the log of the attempt that holds ref; the same
	// piece may come again. ErrRefused: the lease is not the current one.
	PutLog(ctx context.Context, ref scheduler.LeaseRef, attempt int, offset int64, piece []byte) error
	// Functions lists the listener functions of a user, in order of arrival.
	Functions(ctx context.Context, user string) ([]Function, error)
	// Secrets gives the secrets of the attempt that holds ref, by variable, until it
	// starts. ErrNoSecret: one of them is no more.
	Secrets(ctx context.Context, ref scheduler.LeaseRef, attempt int) (map[string]string, error)
	// Ready reports whether the server can serve.
	Ready(ctx context.Context) error
}

// ErrRefused is wrapped by errors of an API that repeating cannot mend.
var ErrRefused = errors.New("refused by the server")

// ErrNoSecret is wrapped by the error about a secret that its user has removed.
var ErrNoSecret = errors.New("a secret is missing")

// Function is a listener function that a user registered under a name.
type Function struct {
	Name   string
	SHA256 string // of its cloudpickle or source, a blob that is never read here
	Form   string // "pickle", "source", or "local": only processes of its user have it
	// Of one that runs in a process that keeps it loaded.
	Keep     bool
	Idle     float64 // s that the process waits for a message
	Filename string  // of a source
}

// consumed reports whether messages for the function go to consumers, not to hosts.
func (f Function) consumed() bool { return f.Keep || f.Form == "local" }

// putFile uploads what open gives, if the server does not have it yet.
func (t *attempt) putFile(ctx context.Context, sum string, size int64, open func() (*os.File, error)) error {
	f, err := open()
	if err != nil {
		return fmt.Errorf("open the spooled result: %w", err)
	}
	defer closeFile(f)
	return t.upload(ctx, func() error { return t.agent.opts.API.PutBlob(ctx, sum, size, f) })
}

// putBytes uploads a small blob.
func (t *attempt) putBytes(ctx context.Context, sum string, data []byte) error {
	return t.upload(ctx, func() error {
		return t.agent.opts.API.PutBlob(ctx, sum, int64(len(data)), bytes.NewReader(data))
	})
}

// hashFile reads a file once, to its end as it is now, or until ctx ends.
func hashFile(ctx context.Context, f *os.File) (sum string, size int64, err error) {
	h := sha256.New()
	if size, err = io.Copy(h, whileWanted{ctx, f}); err != nil {
		return "", 0, fmt.Errorf("read: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// whileWanted reads until ctx ends.
type whileWanted struct {
	ctx context.Context
	r   io.Reader
}

// Read reads, unless nobody waits for it any more.
func (w whileWanted) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}
