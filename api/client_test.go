package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
)

// TestClientPackages: anybody gets the server's own wheel and those of the
// folder, and nothing else that lies there.
func TestClientPackages(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, name := range []string{"dep-1-py3-none-any.whl", "own-1.whl", "notes.txt", ".hidden.whl"} {
		must(t, os.WriteFile(filepath.Join(folder, name), []byte("of the folder"), 0o600))
	}
	must(t, os.Mkdir(filepath.Join(folder, "a-folder.whl"), 0o700))
	w := newWorld(t, func(o *api.Options) {
		o.Client = api.ClientPackages{Name: "own-1.whl", SHA256: "abc", Version: "1", Data: []byte("the server's own"), Folder: folder}
	})
	page := w.do("", "GET", "/client/", nil)
	if page.status != http.StatusOK || !strings.Contains(string(page.body), `<a href="own-1.whl#sha256=abc">own-1.whl</a>`) ||
		!strings.Contains(string(page.body), `<a href="dep-1-py3-none-any.whl">`) || strings.Contains(string(page.body), "notes") ||
		strings.Count(string(page.body), "own-1.whl</a>") != 1 {
		t.Errorf("the page is %d %s", page.status, page.body)
	}
	for name, want := range map[string]string{"own-1.whl": "the server's own", "dep-1-py3-none-any.whl": "of the folder"} {
		if a := w.do("", "GET", "/client/"+name, nil); string(a.body) != want || a.header.Get("Mlq-Client") != "1" {
			t.Errorf("%s is %d %q, Mlq-Client %q", name, a.status, a.body, a.header.Get("Mlq-Client"))
		}
	}
	for _, name := range []string{"none.whl", "notes.txt", ".hidden.whl", "a-folder.whl", "..%2fnotes.whl", "%00.whl", "x%0a.whl"} {
		w.refused(w.do("", "GET", "/client/"+name, nil), 404, api.CodeNotFound)
	}
	var who api.Whoami
	w.ok(w.do(w.ana, "GET", "/whoami", nil), http.StatusOK, &who)
	if who.Client != "/client/own-1.whl" {
		t.Errorf("whoami names %q", who.Client)
	}
}

// TestNoClientPackages: a server that has none says so.
func TestNoClientPackages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Client.Folder = filepath.Join(t.TempDir(), "none") })
	if a := w.do("", "GET", "/client/", nil); a.status != http.StatusOK || strings.Contains(string(a.body), "<a ") || a.header.Get("Mlq-Client") != "" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	w.refused(w.do("", "GET", "/client/a.whl", nil), 404, api.CodeNotFound)
}
