package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// linkKeyOfOld is the record in which the key of links lay before servers signed them.
const linkKeyOfOld = "auth:link-key"

// idOf is the id of a token.
func idOf(token string) string { return strings.Split(token, "_")[2] }

// hmacLink is a link as who knows a key of old would make it.
func hmacLink(key []byte, user, token, target string, end time.Time) string {
	expires := strconv.FormatInt(end.Unix(), 10)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(strings.Join([]string{"mlq link 1", user, token, target, expires}, "\n")))
	return target + "?" + url.Values{
		"by": {token}, "expires": {expires}, "sig": {base64.RawURLEncoding.EncodeToString(h.Sum(nil))},
	}.Encode()
}

// TestForgedLinks: whoever reads and writes all of the store makes no link.
func TestForgedLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signs)
	id := w.finished("ana's")
	w.link(w.admin, id, `{}`) // whatever a server keeps for its links is there
	kept, err := w.st.Read(t.Context(), store.Query{Keys: []string{linkKeyOfOld}})
	must(t, err)
	if kept.Records[0].Version != 0 {
		t.Error("the store has a key of links")
	}
	key := kept.Records[0].Value
	for _, key := range [][]byte{key, []byte("their own key, of 32 bytes length")} {
		_, err := w.st.Commit(t.Context(), store.Commit{Identity: kept.Identity, Effects: []store.Effect{store.Put(linkKeyOfOld, key)}})
		must(t, err)
		for _, target := range []string{
			path(id, "/result"), path(id, "/logs"), path(id, "/files/50%2541.txt"), "/blobs/" + blob.Sum([]byte("percent")), "/backup/files", "/backup/store",
		} {
			forged := hmacLink(key, "root", idOf(w.admin), target, time.Now().Add(time.Hour))
			w.refused(w.do("", "GET", forged, nil), 403, api.CodeBadLink)
		}
	}
}

// TestLinksLeadToAJob: a signature is good for what of a job can be linked, also where a
// server has signed another path.
func TestLinksLeadToAJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signs)
	id := w.finished("ana's")
	signed := func(target string) string {
		link, sig, err := w.tokens.SignLink(t.Context(), auth.Identity{User: "root", Token: idOf(w.admin)}, target, time.Hour)
		must(t, err)
		return target + "?" + url.Values{"by": {link.Token}, "expires": {strconv.FormatInt(link.Expires.Unix(), 10)}, "sig": {sig}}.Encode()
	}
	if a := w.do("", "GET", signed(path(id, "/result.txt")), nil); string(a.body) != "ana's" {
		t.Errorf("a result: %d %s", a.status, a.body)
	}
	for _, target := range []string{
		"/backup/files", "/backup/store", "/blobs/" + blob.Sum([]byte("percent")), "/blobs", "/jobs", "/queue", "/metrics", "/audit", "/tokens", "/",
		path(id, ""), path(id, "/files"), path(id, "/why"), path(id, "/attempts/1/log"), path(id, "/result%2Etxt"), path(id, "/files/plots%2Floss%20%C3%A9.png"),
		"/jobs/0" + strings.TrimPrefix(path(id, "/result"), "/jobs/"), "/jobs/x/result", "/jobs//result",
	} {
		w.refused(w.do("", "GET", signed(target), nil), 403, api.CodeBadLink)
	}
}

// TestLinksOverARotation: a link is good on every server of the store that has the key
// which signed it, also where another one signs by now, and on no other.
func TestLinksOverARotation(t *testing.T) {
	t.Parallel()
	st, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	blobs, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	old, young := signing.NewKey([32]byte{1}), signing.NewKey([32]byte{2})
	with := func(first signing.Key, others ...signing.PublicKey) func(*api.Options) {
		return func(o *api.Options) { o.Ring = signing.NewRing("mlq", first, others...) }
	}
	before := worldOn(t, st, blobs, with(old))
	link := before.link(before.ana, before.finished("shared"), `{}`)
	after := worldOn(t, st, blobs, with(young, old.PublicKey))
	if a := after.do("", "GET", link, nil); string(a.body) != "shared" {
		t.Errorf("by the older key: %d %s", a.status, a.body)
	}
	_, _, err = after.tokens.SignAll(t.Context(), false)
	must(t, err)
	removed := worldOn(t, st, blobs, with(young))
	removed.refused(removed.do("", "GET", link, nil), 403, api.CodeBadLink)
}
