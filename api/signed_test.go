package api_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// signs has the server of a world sign, as all but those of tests do.
func signs(o *api.Options) { o.Ring = signing.NewRing("mlq", signing.NewKey([32]byte{1})) }

// forge changes a record as somebody who has only the store, and gives what puts it back.
func (w *world) forge(key string, change func([]byte) []byte) (back func()) {
	w.Helper()
	put := func(value []byte, identity string) {
		w.Helper()
		result, err := w.st.Commit(w.Context(), store.Commit{Identity: identity, Effects: []store.Effect{store.Put(key, value)}})
		must(w, err)
		if !result.OK() {
			w.Fatal("not written")
		}
	}
	a, err := w.st.Read(w.Context(), store.Query{Keys: []string{key}})
	must(w, err)
	old := a.Records[0].Value
	if now := change(bytes.Clone(old)); !bytes.Equal(now, old) {
		put(now, a.Identity)
	} else {
		w.Fatalf("there is nothing to change in %s: %s", key, old)
	}
	return func() { put(old, a.Identity) }
}

func inPlaceOf(old, now string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(now), 1) }
}

// TestSecretsOfAForgedJob: whoever can write to the store, and has a host's token, has the
// secrets of no user who submitted nothing there.
func TestSecretsOfAForgedJob(t *testing.T) {
	t.Parallel()
	var log logged
	w := newWorld(t, signs, func(o *api.Options) { o.Log = zerolog.New(&log) })
	w.setSecret(w.ana, "A", "ana's")
	w.setSecret(w.bob, "A", marker)
	id := w.submit(w.ana, `{"msg":1,"secrets":["A"]}`)
	l := w.claim(id, 0)
	back := w.forge("spec:job:"+idText(id), inPlaceOf("ana", "bob"))
	if p := w.refused(l.values(w.nodeToken), 403, api.CodeForbidden); strings.Contains(p.Detail, marker) {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(log.String(), "refused the secrets of a job that no server has signed") {
		t.Errorf("the log says nothing of it: %s", log.String())
	}
	back()
	l.wantValues(w.nodeToken, map[string]string{"A": "ana's"})
}

// TestRequeueOfAForgedJob: it is not signed anew as if a user had asked for it, and says so.
func TestRequeueOfAForgedJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signs)
	id := w.submit(w.ana, `{"msg":1}`)
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, nil)
	back := w.forge("spec:job:"+idText(id), inPlaceOf("ana", "bob"))
	if p := w.refused(w.do(w.ana, "POST", path(id, "/requeue"), nil), 403, api.CodeForbidden); !strings.Contains(p.Detail, "no server of this store has signed it") {
		t.Errorf("%+v", p)
	}
	back()
	w.ok(w.do(w.ana, "POST", path(id, "/requeue"), nil), 201, nil)
}

// TestSecretsOfAForgedLease: nor has the host that a job was not to run on, whatever it
// writes into the job's record, which no server signs.
func TestSecretsOfAForgedLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signs)
	w.setSecret(w.ana, "A", marker)
	id := w.submit(w.ana, `{"msg":1,"host":"node1","secrets":["A"]}`)
	l, node2 := w.claim(id, 0), w.token("node2", auth.RoleAgent)
	record := "live:job:" + idText(id)
	w.forge(record, inPlaceOf(`"h":"node1"`, `"h":"node2"`))
	for _, class := range []string{"as it is", "without the host", "beside what was asked"} {
		back := func() {}
		switch class {
		case "without the host":
			back = w.forge(record, inPlaceOf(`"c":"host=node1"`, `"c":""`))
		case "beside what was asked":
			back = w.forge(record, inPlaceOf(`"c":"host=node1"`, `"c":"","ac":"host=node1"`))
		}
		if p := w.refused(l.values(node2), 403, api.CodeForbidden); strings.Contains(p.Detail, marker) {
			t.Errorf("%s: %+v", class, p)
		}
		back()
	}
}

// TestTokensOfAForgedJob: who asks with any text that could be the token of a job which no server
// has signed fills no log; who has its token is told of.
func TestTokensOfAForgedJob(t *testing.T) {
	t.Parallel()
	var log logged
	w := newWorld(t, signs, func(o *api.Options) { o.Log = zerolog.New(&log) })
	id := w.submit(w.ana, `{"msg":1}`)
	l := w.claim(id, 0)
	w.forge("spec:job:"+idText(id), inPlaceOf("ana", "bob"))
	w.refused(w.do(token.Attempt(int64(id), 1, token.NewSecret()), "GET", "/whoami", nil), 401, api.CodeUnauthorized)
	if text := log.String(); strings.Contains(text, "refused the token of a job") {
		t.Errorf("the log says %s", text)
	}
	w.refused(w.do(l.token, "GET", "/whoami", nil), 401, api.CodeUnauthorized)
	if text := log.String(); !strings.Contains(text, "refused the token of a job") {
		t.Errorf("the log says nothing of it: %s", text)
	}
}
