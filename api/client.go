package api

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ClientPackages are the Python packages that a server hands out, so that a
// client's version matches and a lab needs no package index.
type ClientPackages struct {
	Name, SHA256 string // of the server's own wheel; "" where it has none
	Version      string
	Data         []byte
	Folder       string // with further wheels, which need not be there; "": none
}

// clientPath is where they are: a page that pip's --find-links reads.
const clientPath = "/client/"

// wheelName: what may be asked for, and listed. It becomes a part of a path.
var wheelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*\.whl$`)

// path is where the server's own wheel is, "" where it has none.
func (p *ClientPackages) path() string {
	if p.Name == "" {
		return ""
	}
	return clientPath + p.Name
}

// names lists all wheels, in order.
func (p *ClientPackages) names() ([]string, error) {
	var names []string
	if p.Name != "" {
		names = append(names, p.Name)
	}
	if p.Folder == "" {
		return names, nil
	}
	entries, err := os.ReadDir(p.Folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("wheels: %w", err)
	}
	for _, e := range entries {
		if wheelName.MatchString(e.Name()) && !slices.Contains(names, e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// listClient answers GET /client/: a link to each wheel.
func (s *Server) listClient(c *call) error {
	names, err := s.opts.Client.names()
	if err != nil {
		return err
	}
	var page strings.Builder
	page.WriteString("<!doctype html>\n<title>Python packages of this server</title>\n")
	for _, name := range names {
		target := name
		if name == s.opts.Client.Name {
			target += "#sha256=" + s.opts.Client.SHA256
		}
		fmt.Fprintf(&page, "<a href=\"%s\">%s</a><br>\n", html.EscapeString(target), html.EscapeString(name))
	}
	h := c.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", sandbox)
	c.WriteHeader(http.StatusOK)
	c.send([]byte(page.String()))
	return nil
}

// getClient answers GET /client/{wheel}. The server's own comes before one of
// that name in the folder.
func (s *Server) getClient(c *call) error {
	name, own := c.param("wheel"), &s.opts.Client
	c.Header().Set("Content-Type", "application/zip")
	c.Header().Set("Content-Security-Policy", sandbox)
	if name == own.Name && own.Name != "" {
		http.ServeContent(c, c.r, "", time.Time{}, bytes.NewReader(own.Data))
		return nil
	}
	file, err := own.open(name)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	http.ServeContent(c, c.r, "", time.Time{}, file)
	return nil
}

func (p *ClientPackages) open(name string) (io.ReadSeekCloser, error) {
	if p.Folder == "" || !wheelName.MatchString(name) {
		return nil, refuse(CodeNotFound, "there is no such wheel; GET /client/ lists all")
	}
	file, err := os.Open(filepath.Join(p.Folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(CodeNotFound, "there is no such wheel; GET /client/ lists all")
	}
	if err != nil {
		return nil, fmt.Errorf("wheel: %w", err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(refuse(CodeNotFound, "there is no such wheel; GET /client/ lists all"), err, file.Close())
	}
	return file, nil
}

// ofClient reports whether a path belongs to the packages, which are public code.
func ofClient(path string) bool { return strings.HasPrefix(path, clientPath) }
