package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// BlobWritten answers an upload.
type BlobWritten struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// putBlob answers PUT /blobs/{sha256}: the body is hashed while it is written,
// and kept only if it is what the name says.
func (s *Server) putBlob(c *call) error {
	sum := c.param("sha256")
	if !submission.IsSHA256(sum) {
		return noSuchBlob()
	}
	return s.receiveBlob(c, func() (string, int64, error) {
		n, err := s.opts.Blobs.Put(c.ctx(), sum, c.r.Body, s.opts.MaxBlob)
		return sum, n, err
	})
}

// addBlob answers POST /blobs: the body is kept under the SHA-256 that it has, which
// who sent it has computed meanwhile and compares.
func (s *Server) addBlob(c *call) error {
	return s.receiveBlob(c, func() (string, int64, error) {
		return s.opts.Blobs.Add(c.ctx(), c.r.Body, s.opts.MaxBlob)
	})
}

func (s *Server) receiveBlob(c *call, keep func() (sum string, n int64, err error)) error {
	if err := wantMedia(c.r, mediaBytes); err != nil {
		return err
	}
	if c.r.ContentLength > s.opts.MaxBlob {
		return refuse(CodeTooLarge, fmt.Sprintf("more than %d bytes (--max-blob)", s.opts.MaxBlob))
	}
	if err := s.roomFor(c); err != nil {
		return err
	}
	sum, n, err := keep()
	if errors.Is(err, blob.ErrTooLarge) {
		return refuse(CodeTooLarge, fmt.Sprintf("more than %d bytes (--max-blob)", s.opts.MaxBlob))
	}
	if err != nil {
		return readError(err)
	}
	return s.write(c, http.StatusCreated, BlobWritten{SHA256: sum, Size: n})
}

// getBlob answers GET /blobs/{sha256} for agents: payloads and functions. Who
// asks whether a blob is there is about to name it: HEAD touches it.
func (s *Server) getBlob(c *call) error {
	sum := c.param("sha256")
	if c.r.Method == http.MethodHead {
		if err := s.opts.Blobs.Touch(c.ctx(), sum); err != nil {
			return blobError(err)
		}
	}
	b, err := s.opts.Blobs.Open(c.ctx(), sum)
	if err != nil {
		return blobError(err)
	}
	return s.serveContent(c, partOf(b, 0, b.Size), served{media: mediaBytes, filename: sum, etag: sum})
}

func blobError(err error) error {
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrName) {
		return noSuchBlob()
	}
	return err
}

func noSuchBlob() error {
	return refuse(CodeNotFound, "no such blob; its name is the SHA-256 of its bytes in lower-case hexadecimal digits")
}

const blobsKey = "spec:blobs"

// blobFolder is the record of which folder holds the namespace's blobs.
type blobFolder struct {
	// Store names the store: random, and another one when it was emptied. The
	// folder knows it too (blob.Folder.Owner).
	Store    string `json:"store"`
	Identity string `json:"identity"`
	Host     string `json:"host"`
	Path     string `json:"path"`
}

// CheckBlobs ties a folder of blobs to the store, at the start of a server, and
// the store to a folder that is nobody's yet. A second server with another
// folder would answer 404 for half of the results: it is refused.
func CheckBlobs(ctx context.Context, st store.Store, folder *blob.Folder) error {
	for {
		known, answer, err := readBlobFolder(ctx, st)
		if err != nil {
			return err
		}
		if known.Identity != "" {
			return sameFolder(known, folder)
		}
		commit, err := claimFolder(answer, folder)
		if err != nil {
			return err
		}
		if _, err := st.Commit(ctx, commit); err != nil {
			return fmt.Errorf("check the blobs: %w", err)
		}
	}
}

// BlobsIdentity is the identity of the folder that holds the store's blobs,
// "" before the first server has started on it.
func BlobsIdentity(ctx context.Context, st store.Store) (string, error) {
	known, _, err := readBlobFolder(ctx, st)
	return known.Identity, err
}

// readBlobFolder reads the record; the zero value where there is none yet.
func readBlobFolder(ctx context.Context, st store.Store) (known blobFolder, answer store.Answer, err error) {
	answer, err = st.Read(ctx, store.Query{Keys: []string{blobsKey}})
	if err == nil && answer.Records[0].Version != 0 {
		err = json.Unmarshal(answer.Records[0].Value, &known)
	}
	if err != nil {
		return known, answer, fmt.Errorf("check the blobs: %w", err)
	}
	return known, answer, nil
}

func claimFolder(answer store.Answer, folder *blob.Folder) (store.Commit, error) {
	host, err := os.Hostname()
	if err != nil {
		return store.Commit{}, fmt.Errorf("check the blobs: %w", err)
	}
	text, err := json.Marshal(blobFolder{Store: rand.Text(), Identity: folder.Identity(), Host: host, Path: folder.Path()})
	if err != nil {
		return store.Commit{}, fmt.Errorf("check the blobs: %w", err)
	}
	return store.Commit{
		Identity: answer.Identity,
		Guards:   []store.Guard{store.Absent(blobsKey)},
		Effects:  []store.Effect{store.Put(blobsKey, text)},
	}, nil
}

func sameFolder(known blobFolder, folder *blob.Folder) error {
	if known.Identity != folder.Identity() {
		return fmt.Errorf("the blobs of this store lie in %s on host %s, not in %s; give every server that same folder with --blobs DIR (a shared file system), or name that server with --blobs-from URL. If this is that folder, its file identity was changed: bring that back from a backup",
			known.Path, known.Host, folder.Path())
	}
	_, err := folder.Owner(known.Store) // another store's is used, and not collected
	return err
}

// readyStatus is the status of /readyz.
func readyStatus(problems []string) int {
	if len(problems) > 0 {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}
