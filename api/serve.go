package api

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/internal/blob"
)

// content is something large that is served: part of a file or of memory.
type content struct {
	io.ReadSeeker
	file   *os.File      // nil: in memory, or another server's
	remote *remoteStream // nil: ours
	offset int64         // where it begins in the file
	size   int64
	close  func() error
}

func partOf(whole blob.Content, offset, size int64) content {
	part := content{ReadSeeker: io.NewSectionReader(whole, offset, size), offset: offset, size: size, close: whole.Close}
	part.file, _ = whole.ReaderAt.(*os.File)
	part.remote, _ = whole.ReaderAt.(*remoteStream)
	return part
}

// served says how content is shown.
type served struct {
	media    string
	filename string // of an attachment; "" is shown inline
	etag     string // a digest, "" if none
	value    string // of a job: what it returned
}

// sandbox: what a job made never runs in the reader's origin, has no origin of
// its own, and loads nothing.
const sandbox = "sandbox; default-src 'none'; frame-ancestors 'none'"

// serveContent sends content with the headers that make it harmless. At most one
// range is served. Full bodies go from the file to the connection without a copy in between.
func (s *Server) serveContent(c *call, body content, as served) error {
	defer func() {
		if err := body.close(); err != nil {
			s.log.Debug().Str("request", c.id).Err(err).Msg("close a file")
		}
	}()
	if err := c.conditions(body.size, as.etag); err != nil {
		return err
	}
	h := c.Header()
	h.Set("Content-Type", as.media)
	h.Set("Content-Security-Policy", sandbox)
	h.Set("Cross-Origin-Resource-Policy", c.embeddable())
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	if as.filename != "" {
		h.Set("Content-Disposition", `attachment; filename="`+as.filename+`"`)
	}
	if as.value != "" {
		h.Set("Mlq-Value", as.value)
	}
	if as.etag != "" {
		h.Set("ETag", `"`+as.etag+`"`)
	}
	if body.size > pieceBytes { // less is with the kernel at once
		defer s.whileSending(c)()
	}
	if conditional(c.r) || body.file == nil {
		http.ServeContent(c, c.r, "", time.Time{}, body)
		if body.remote != nil && body.remote.failure() != nil {
			panic(http.ErrAbortHandler) // shorter than promised: the reader must not take it as whole
		}
		return nil
	}
	return c.sendFile(body)
}

// conditional: ranges and preconditions are left to net/http.
func conditional(r *http.Request) bool {
	for _, name := range []string{"Range", "If-Range", "If-None-Match", "If-Match"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// conditions refuses ranges and preconditions that net/http would answer
// without a problem, before any header speaks of the content.
func (c *call) conditions(size int64, etag string) error {
	if text := c.r.Header.Get("If-Match"); text != "" && !matches(text, `"`+etag+`"`) {
		return refuse(CodePrecondition, "the ETag is another")
	}
	text := c.r.Header.Get("Range")
	if text == "" || satisfiable(text, size) {
		return nil
	}
	c.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
	if strings.Contains(text, ",") {
		return refuse(CodeRange, "at most one range")
	}
	return refuse(CodeRange, "the range lies outside of the "+strconv.FormatInt(size, 10)+" bytes")
}

// matches: one of the list of If-Match is the tag.
func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == tag {
			return true
		}
	}
	return false
}

// satisfiable: "bytes=A-B", "bytes=A-" or "bytes=-N" within size.
func satisfiable(text string, size int64) bool {
	spec, ok := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash {
		return false
	}
	if first == "" {
		n, err := strconv.ParseUint(last, 10, 62)
		return err == nil && n > 0 && size > 0
	}
	start, err := strconv.ParseUint(first, 10, 62)
	if err != nil || int64(start) >= size {
		return false
	}
	if last == "" {
		return true
	}
	end, err := strconv.ParseUint(last, 10, 62)
	return err == nil && end >= start
}

// sendFile sends all of a part of a file (sendfile on plain connections).
func (c *call) sendFile(body content) error {
	if _, err := body.file.Seek(body.offset, io.SeekStart); err != nil {
		return err
	}
	h := c.Header()
	h["Accept-Ranges"] = []string{"bytes"}
	h["Content-Length"] = []string{strconv.FormatInt(body.size, 10)}
	c.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, err := io.CopyN(c, body.file, body.size)
	if errors.Is(err, io.EOF) {
		panic(http.ErrAbortHandler) // shorter than promised: the reader must not take it as whole
	}
	return err
}
