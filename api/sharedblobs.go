package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
)

// The routes for servers that have no blobs of their own (RemoteBlobs).

// BlobFolder answers GET /blobs: which folder it is, and the room on its disk.
type BlobFolder struct {
	Identity string `json:"identity"`
	Free     int64  `json:"free"`  // bytes
	Total    int64  `json:"total"` // bytes
}

// getBlobFolder answers GET /blobs.
func (s *Server) getBlobFolder(c *call) error {
	space, err := s.opts.Blobs.Space(c.ctx())
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, BlobFolder{Identity: s.opts.Blobs.Identity(), Free: space.Free, Total: space.Total})
}

// hasBlobsFor refuses another server that means other blobs than those which
// this one has itself.
func (s *Server) hasBlobsFor(c *call) error {
	if c.who.Role != auth.RoleServer {
		return nil
	}
	if remote, ok := s.opts.Blobs.(*RemoteBlobs); ok {
		return refuse(CodeOtherBlobs, "this server has no blobs of its own; name the one that it takes them from: "+remote.base)
	}
	if got := c.r.Header.Get(HeaderBlobs); got != s.opts.Blobs.Identity() {
		return refuse(CodeOtherBlobs, "this server has the blobs of another store")
	}
	return nil
}

// logOfPath reads {job} and {n}.
func (c *call) logOfPath() (int64, int, error) {
	id, err := c.jobID("job")
	if err != nil {
		return 0, 0, err
	}
	n, err := strconv.Atoi(c.param("n"))
	if err != nil || n < 1 {
		return 0, 0, refuse(CodeNotFound, "the job has no such attempt")
	}
	return int64(id), n, nil
}

// getRawLog answers GET /blobs/logs/{job}/{n}?from=&to=: the log of an
// attempt, whose owner was asked by the server that asks.
func (s *Server) getRawLog(c *call) error {
	job, n, err := c.logOfPath()
	if err != nil {
		return err
	}
	size, err := s.opts.Blobs.LogSize(c.ctx(), job, n)
	if err != nil {
		return err
	}
	q := c.r.URL.Query()
	from, err := number(q.Get("from"), 0, "from")
	if err != nil {
		return err
	}
	to, err := number(q.Get("to"), size, "to")
	if err != nil {
		return err
	}
	if from > to || to > size {
		return refuse(CodeRange, "the part lies outside of the "+strconv.FormatInt(size, 10)+" bytes")
	}
	return s.sendRawLog(c, job, n, from, to)
}

func (s *Server) sendRawLog(c *call, job int64, n int, from, to int64) error {
	part, err := s.opts.Blobs.OpenLog(c.ctx(), job, n, from, to)
	if err != nil {
		return err
	}
	h := c.Header()
	h["Content-Type"] = []string{mediaBytes}
	h["Content-Length"] = []string{strconv.FormatInt(to-from, 10)}
	c.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_, err = io.Copy(c, part)
	}
	return errors.Join(err, part.Close())
}

// putRawLog answers PUT /blobs/logs/{job}/{n}?offset=. Whether the lease is
// current was asked by the server that sends.
func (s *Server) putRawLog(c *call) error {
	job, n, err := c.logOfPath()
	if err != nil {
		return err
	}
	offset, err := c.logOffset()
	if err != nil {
		return err
	}
	size, err := s.writeLog(c, job, n, offset)
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, LogWritten{Size: size})
}

// logOffset is where in the log the piece begins that the body is.
func (c *call) logOffset() (int64, error) {
	offset, err := number(c.r.URL.Query().Get("offset"), 0, "offset")
	if err != nil {
		return 0, err
	}
	return offset, wantMedia(c.r, mediaBytes)
}

// writeLog keeps the body as a piece of a log.
func (s *Server) writeLog(c *call, job int64, n int, offset int64) (int64, error) {
	size, err := s.opts.Blobs.WriteLog(c.ctx(), job, n, offset, c.r.Body, s.opts.MaxLog)
	if errors.Is(err, blob.ErrGap) {
		e := refuse(CodeLogGap, "the log is shorter than that; send it from size on")
		e.Size = &size
		return 0, e
	}
	return size, readError(err)
}
