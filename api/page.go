package api

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api/web"
)

// pagePolicy lets the page run its own files and nothing else: no inline script
// or style, no other origin, no frame around it. Images may be blobs, which is
// how it shows a result that needs a token.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ofPage reports whether a path belongs to the page: the same for everybody,
// and without anything that a token would protect.
func ofPage(path string) bool { return path == "/" || strings.HasPrefix(path, "/web/") }

// getPage answers GET / with the page for people.
func (s *Server) getPage(c *call) error { return servePage(c, web.Index) }

// getPageFile answers GET /web/{file}.
func (s *Server) getPageFile(c *call) error { return servePage(c, c.param("file")) }

// servePage sends one file. Browsers ask again each time, and are answered 304
// until the server is another version: page and server always match.
func servePage(c *call, name string) error {
	file, ok := web.Open(name)
	if !ok {
		return refuse(CodeNotFound, "the page has no such file")
	}
	h := c.Header()
	h.Set("Content-Type", file.Media)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", file.ETag)
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	c.r.Header.Del("Range") // a file of a few KB is sent whole
	http.ServeContent(c, c.r, "", time.Time{}, bytes.NewReader(file.Body))
	return nil
}
