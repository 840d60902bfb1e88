package api

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/mlq-dev/mlq/internal/blob"
)

// Blobs keeps payloads, results and logs: a folder (blob.Folder), or another
// server that has one (RemoteBlobs). Errors are those of package blob. Safe for
// concurrent use.
type Blobs interface {
	// Identity names the folder.
	Identity() string
	// Space is the room on the folder's disk.
	Space(ctx context.Context) (blob.Space, error)
	// Put keeps what r delivers under the name sum, at most limit bytes, and
	// returns how many they were.
	Put(ctx context.Context, sum string, r io.Reader, limit int64) (int64, error)
	// Add keeps what r delivers, at most limit bytes, and returns its SHA-256 (hex) and
	// how many they were.
	Add(ctx context.Context, r io.Reader, limit int64) (sum string, n int64, err error)
	// PutBytes keeps data and returns its name.
	PutBytes(ctx context.Context, data []byte) (string, error)
	// Touch keeps a blob from being collected, because it will be named.
	Touch(ctx context.Context, sum string) error
	// Open opens a blob for reading.
	Open(ctx context.Context, sum string) (blob.Content, error)
	// WriteLog writes a piece of an attempt's log at offset and returns how long the log is then.
	WriteLog(ctx context.Context, job int64, attempt int, offset int64, r io.Reader, limit int64) (int64, error)
	// LogSize is the length of an attempt's log in bytes, 0 if there is none.
	LogSize(ctx context.Context, job int64, attempt int) (int64, error)
	// OpenLog opens the part of an attempt's log from byte from up to byte to.
	OpenLog(ctx context.Context, job int64, attempt int, from, to int64) (io.ReadCloser, error)
}

var (
	_ Blobs = (*blob.Folder)(nil)
	_ Blobs = (*RemoteBlobs)(nil)
)

// readBlob reads a blob of at most limit bytes into memory. Errors: errDamagedBlob, with
// which it returns the bytes that there are.
func readBlob(ctx context.Context, blobs Blobs, sum string, limit int64) ([]byte, error) {
	c, err := blobs.Open(ctx, sum)
	if err != nil {
		return nil, err
	}
	data, err := c.All(limit)
	if err == nil && blob.Sum(data) != sum {
		return data, fmt.Errorf("%w: %s", errDamagedBlob, sum)
	}
	return data, err
}

// spacePatience bounds the look at a disk, which may be another server's.
const spacePatience = 2 * time.Second

// lookAt is a look at the disk of blobs. What it sees is told to many
// requests: none of them may cut it short.
func lookAt(blobs Blobs) func() (blob.Space, error) {
	return func() (blob.Space, error) {
		ctx, cancel := context.WithTimeout(context.Background(), spacePatience)
		defer cancel()
		return blobs.Space(ctx)
	}
}
