package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api/data"
	"github.com/mlq-dev/mlq/internal/blob"
)

// Item is something that a user's jobs keep for each other.
type Item = data.Item

// itemList answers GET /data. After is the key from which on the next page goes, "" at the end.
type itemList struct {
	Data  []Item `json:"data"`
	After string `json:"after,omitempty"`
}

// itemsAtOnce bounds a page of GET /data.
const itemsAtOnce = 1000

// listData answers GET /data?after=: what one's jobs keep, without the bytes.
func (s *Server) listData(c *call) error {
	list, err := s.data.List(c.ctx(), c.who.User, c.r.URL.Query().Get("after"), itemsAtOnce)
	if err != nil {
		return err
	}
	answer := itemList{Data: list}
	if len(list) == itemsAtOnce {
		answer.After = list[itemsAtOnce-1].Key
	}
	return s.write(c, http.StatusOK, answer)
}

// dataKey is the key in the path, decoded once, as it came.
func (c *call) dataKey() (string, error) {
	key := strings.TrimPrefix(c.r.URL.Path, "/data/")
	return key, data.CheckKey(key)
}

// putData answers PUT /data/KEY?expiry=SECONDS: the bytes in the body are kept.
func (s *Server) putData(c *call) error {
	key, err := c.dataKey()
	if err != nil {
		return err
	}
	during, err := expiry(c.r.URL.Query().Get("expiry"))
	if err != nil {
		return err
	}
	if err := wantMedia(c.r, mediaBytes); err != nil {
		return err
	}
	if err := s.disk.writable(); err != nil {
		return err
	}
	sum, size, err := s.keepBytes(c)
	if err != nil {
		return err
	}
	item, err := s.data.Put(c.ctx(), c.who.User, key, sum, size, during)
	if err != nil {
		return err
	}
	return s.write(c, http.StatusCreated, item)
}

// keepBytes keeps the body as a blob while it comes.
func (s *Server) keepBytes(c *call) (sum string, size int64, err error) {
	tooMuch := refuse(CodeTooLarge, fmt.Sprintf("more than %d bytes under one key", s.opts.MaxBody))
	if c.r.ContentLength > s.opts.MaxBody {
		return "", 0, tooMuch
	}
	sum, size, err = s.opts.Blobs.Add(c.ctx(), c.r.Body, s.opts.MaxBody)
	if errors.Is(err, blob.ErrTooLarge) {
		return "", 0, tooMuch
	}
	return sum, size, readError(err)
}

// expiry reads how long something is kept, in seconds; "": for ever.
func expiry(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0.001 && seconds <= data.MaxTime.Seconds()) { // also NaN
		return 0, refuse(CodeBadRequest, "expiry: want seconds above 0, up to 10 years")
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// getData answers GET /data/KEY with the bytes.
func (s *Server) getData(c *call) error {
	key, err := c.dataKey()
	if err != nil {
		return err
	}
	item, err := s.data.Get(c.ctx(), c.who.User, key)
	if err != nil {
		return err
	}
	b, err := s.opts.Blobs.Open(c.ctx(), item.SHA256)
	if err != nil {
		return blobError(err)
	}
	return s.serveContent(c, partOf(b, 0, b.Size), served{media: mediaBytes, filename: "data", etag: item.SHA256})
}

// deleteData answers DELETE /data/KEY.
func (s *Server) deleteData(c *call) error {
	key, err := c.dataKey()
	if err != nil {
		return err
	}
	if err := s.data.Delete(c.ctx(), c.who.User, key); err != nil {
		return err
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}
