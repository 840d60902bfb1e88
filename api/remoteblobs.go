package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/internal/blob"
)

// HeaderBlobs names the folder that a server means when it asks another one.
// One that has not that folder itself refuses, so that no two servers can send
// each other in a circle, and none writes into the blobs of another store.
const HeaderBlobs = "Mlq-Blobs"

// ErrOtherBlobs: the server that was named has not the blobs of this store, and
// will not have them by waiting. It comes with blob.ErrAway.
var ErrOtherBlobs = errors.New("not the server that has the blobs")

// RemoteBlobs are the blobs of another server (mlq serve --blobs-from). All is
// streamed: never is a whole blob in memory.
type RemoteBlobs struct {
	base     string
	token    string
	identity string
	http     *http.Client
}

// NewRemoteBlobs uses the folder named identity of the server at base, with a
// token of the role server. It asks nothing yet.
func NewRemoteBlobs(base, token, identity string, client *http.Client) *RemoteBlobs {
	return &RemoteBlobs{base: strings.TrimRight(base, "/"), token: token, identity: identity, http: client}
}

// Identity names the folder.
func (b *RemoteBlobs) Identity() string { return b.identity }

// Space asks for the room on the other server's disk, and so whether it is
// there and has the folder.
func (b *RemoteBlobs) Space(ctx context.Context) (blob.Space, error) {
	var folder BlobFolder
	response, err := b.do(ctx, request{method: http.MethodGet, path: "/blobs"})
	if err != nil {
		return blob.Space{}, err
	}
	err = readAnswer(response, &folder)
	return blob.Space{Free: folder.Free, Total: folder.Total}, err
}

// Put sends a blob while it is read.
func (b *RemoteBlobs) Put(ctx context.Context, sum string, r io.Reader, limit int64) (int64, error) {
	var written BlobWritten
	response, err := b.put(ctx, request{method: http.MethodPut, path: blobPath(sum)}, r, limit)
	if err != nil {
		return 0, err
	}
	err = readAnswer(response, &written)
	return written.Size, err
}

// Add sends a blob while it is read; the other server names it, and who sends it to
// this one compares.
func (b *RemoteBlobs) Add(ctx context.Context, r io.Reader, limit int64) (sum string, n int64, err error) {
	var written BlobWritten
	response, err := b.put(ctx, request{method: http.MethodPost, path: "/blobs"}, r, limit)
	if err != nil {
		return "", 0, err
	}
	err = readAnswer(response, &written)
	return written.SHA256, written.Size, err
}

// PutBytes sends data.
func (b *RemoteBlobs) PutBytes(ctx context.Context, data []byte) (string, error) {
	sum := blob.Sum(data)
	_, err := b.Put(ctx, sum, bytes.NewReader(data), int64(len(data)))
	return sum, err
}

// Touch asks whether a blob is there; the other server touches it then.
func (b *RemoteBlobs) Touch(ctx context.Context, sum string) error {
	response, err := b.do(ctx, request{method: http.MethodHead, path: blobPath(sum)})
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// Open begins to read a blob. Read in order it costs one request.
func (b *RemoteBlobs) Open(ctx context.Context, sum string) (blob.Content, error) {
	response, err := b.do(ctx, request{method: http.MethodGet, path: blobPath(sum)}) //nolint:bodyclose // the content's Close does
	if err != nil {
		return blob.Content{}, err
	}
	s := &remoteStream{size: response.ContentLength, body: response.Body, open: func(from int64) (io.ReadCloser, error) {
		return b.rest(ctx, blobPath(sum), from)
	}}
	if s.size < 0 {
		return blob.Content{}, errors.Join(b.away("it did not say how long the blob is"), s.Close())
	}
	return blob.Content{ReaderAt: s, Closer: s, Size: s.size}, nil
}

// WriteLog sends a piece of a log.
func (b *RemoteBlobs) WriteLog(ctx context.Context, job int64, attempt int, offset int64, r io.Reader, limit int64) (int64, error) {
	var written LogWritten
	query := url.Values{"offset": {strconv.FormatInt(offset, 10)}}
	ask := request{method: http.MethodPut, path: logPath(job, attempt), query: query}
	response, err := b.put(ctx, ask, r, max(limit-offset, 0))
	var gap *Error
	if errors.As(err, &gap) && gap.Code == CodeLogGap && gap.Size != nil {
		return *gap.Size, blob.ErrGap
	}
	if err != nil {
		return 0, err
	}
	err = readAnswer(response, &written)
	return written.Size, err
}

// LogSize asks for the length of a log.
func (b *RemoteBlobs) LogSize(ctx context.Context, job int64, attempt int) (int64, error) {
	response, err := b.do(ctx, request{method: http.MethodHead, path: logPath(job, attempt)})
	if errors.Is(err, blob.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return max(response.ContentLength, 0), response.Body.Close()
}

// OpenLog reads a part of a log.
func (b *RemoteBlobs) OpenLog(ctx context.Context, job int64, attempt int, from, to int64) (io.ReadCloser, error) {
	query := url.Values{"from": {strconv.FormatInt(from, 10)}, "to": {strconv.FormatInt(to, 10)}}
	response, err := b.do(ctx, request{method: http.MethodGet, path: logPath(job, attempt), query: query})
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

func blobPath(sum string) string { return "/blobs/" + url.PathEscape(sum) }

func logPath(job int64, attempt int) string {
	return "/blobs/logs/" + strconv.FormatInt(job, 10) + "/" + strconv.Itoa(attempt)
}

func readAnswer(response *http.Response, into any) error {
	defer response.Body.Close() //nolint:errcheck // only read
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(into); err != nil {
		return fmt.Errorf("%w: its answer cannot be read: %w", blob.ErrAway, err)
	}
	return nil
}
