package api_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// bad is one input of the table, sent byte by byte over a connection of its own: no
// client library stands between it and the server.
type bad struct {
	what    string
	request string // the start line without the version; {ana}, {job} and the like are filled in
	headers string // lines; "-Name" leaves one of the usual ones out
	body    string
	status  int
	code    api.Code // "": net/http itself refuses, before it is a request of ours
	has     string   // a header of the answer
	cut     bool     // no more is sent after the body
}

// target is a server on one of the stores, with what the inputs are about.
type target struct {
	*world
	store store.Snapshots
	names *strings.Replacer
	sent  int
}

// TestBadInputs is the table of bad inputs. Whatever is sent is refused as the row says, in
// few words, repeats little, shows nothing, stores nothing, and the server goes on. What
// needs a world of its own is tested elsewhere, as rows says.
func TestBadInputs(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) store.Store{"embedded": embeddedStore, "Redis": redisStore} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTarget(t, open(t))
			for _, r := range rows {
				if len(r.inputs) > 0 {
					t.Run(fmt.Sprintf("row %d: %s", r.number, r.what), func(t *testing.T) { w.row(t, r.inputs) })
				}
			}
			t.Logf("bad inputs tried: %d", w.sent)
			if w.sent < 250 {
				t.Errorf("only %d bad inputs were tried", w.sent)
			}
		})
	}
}

func embeddedStore(t *testing.T) store.Store {
	t.Helper()
	st, err := localstore.OpenMemory()
	must(t, err)
	return st
}

func redisStore(t *testing.T) store.Store {
	t.Helper()
	st, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
	must(t, err)
	return st
}

// newTarget has a job that waits, one of another user, one that has a result, and a token that
// was revoked.
func newTarget(t *testing.T, st store.Store) *target {
	t.Helper()
	t.Cleanup(func() { _ = st.Close() })
	blobs, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	w := worldOn(t, st, blobs, func(o *api.Options) { o.MaxTimeout = time.Hour })
	w.join()
	ran := w.submit(w.ana, `{"msg":1}`)
	w.start(ran, 0).succeed(envelope.Header{Value: envelope.ValueText, Short: "ran"}, view("0123456789"))
	revoked := w.token("carl", "user")
	must(t, w.tokens.Revoke(t.Context(), strings.Split(revoked, "_")[2]))
	snapshots, ok := st.(store.Snapshots)
	if !ok {
		t.Fatalf("%T cannot be compared", st)
	}
	return &target{world: w, store: snapshots, names: strings.NewReplacer(
		"{ana}", w.ana, "{bob}", w.bob, "{agent}", w.agent, "{node}", w.nodeToken, "{admin}", w.admin, "{revoked}", revoked,
		"{job}", fmt.Sprint(w.submit(w.ana, `{"msg":1}`)), "{bobs}", fmt.Sprint(w.submit(w.bob, `{"msg":1}`)), "{ran}", fmt.Sprint(ran),
	)}
}

// row sends the inputs of a row, and compares what is stored before and after.
func (w *target) row(t *testing.T, inputs []bad) {
	t.Helper()
	before := w.dump(t)
	for _, in := range inputs {
		w.sent++
		w.try(t, in)
	}
	for _, line := range difference(before, w.dump(t)) {
		t.Errorf("%s", line)
	}
	a := w.do(w.ana, "GET", "/whoami", nil)
	if a.status != http.StatusOK {
		t.Errorf("afterwards the server answers %d", a.status)
	}
}

// try sends one input and looks at its answer.
func (w *target) try(t *testing.T, in bad) {
	t.Helper()
	in.request, in.headers, in.body = w.names.Replace(in.request), w.names.Replace(in.headers), w.names.Replace(in.body)
	text := w.names.Replace(in.text())
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	must(t, err)
	defer conn.Close() //nolint:errcheck // the test is over
	must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	go func() {
		_, _ = io.WriteString(conn, text) // an error: the server has answered and hung up
		if in.cut {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("%s: no answer: %v", in.what, err)
		return
	}
	body, err := io.ReadAll(response.Body)
	// Of headers that are too long net/http reads no more, so that the answer's body may be lost.
	if err = errors.Join(err, response.Body.Close()); err != nil && in.code != "" {
		t.Errorf("%s: answered %d, then %v", in.what, response.StatusCode, err)
		return
	}
	w.judge(t, in, text, answer{response.StatusCode, response.Header, body})
}

// text is the whole request.
func (in *bad) text() string {
	usual := map[string]string{"Host": "localhost", "Authorization": "Bearer {ana}", "Content-Type": "application/json", "Connection": "close"}
	if in.body != "" {
		usual["Content-Length"] = fmt.Sprint(len(in.body))
	}
	var lines []string
	for line := range strings.SplitSeq(in.headers, "\n") {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "-"), ":")
		delete(usual, name)
		if line != "" && line[0] != '-' {
			lines = append(lines, line)
		}
	}
	for name, value := range usual {
		lines = append(lines, name+": "+value)
	}
	slices.Sort(lines)
	return in.request + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" + in.body
}

func (w *target) judge(t *testing.T, in bad, sent string, a answer) {
	t.Helper()
	if a.status != in.status {
		t.Errorf("%s: got %d %.300s, want %d", in.what, a.status, a.body, in.status)
		return
	}
	if in.code != "" {
		if p := a.problem(t); p.Code != in.code {
			t.Errorf("%s: got %s (%s), want %s", in.what, p.Code, p.Detail, in.code)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("X-Request-ID") == "" {
			t.Errorf("%s: headers %v", in.what, a.header)
		}
	}
	if in.has != "" && a.header.Get(in.has) == "" {
		t.Errorf("%s: no header %s", in.what, in.has)
	}
	if strings.Contains(string(a.body), "goroutine ") || strings.Contains(string(a.body), ".go:") {
		t.Errorf("%s: a stack in %s", in.what, a.body)
	}
	for _, secret := range []string{w.ana, w.bob, w.agent, w.nodeToken, w.admin} {
		if bytes.Contains(a.body, []byte(secret)) {
			t.Errorf("%s: a token in the answer", in.what)
		}
	}
	if part := repeated(string(a.body), sent, 65); part != "" {
		t.Errorf("%s: the answer repeats %q", in.what, part)
	}
}

// dump is all that the server keeps: records, members and counters of the store, and the names
// in its folder of blobs.
func (w *target) dump(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	_, err := w.store.Snapshot(t.Context(), func(op store.Op) error {
		key := string(op.Key)
		if key == "spec:ids" { // numbers may be skipped
			return nil
		}
		if op.Kind == store.OpIndex || op.Kind == store.OpAppend {
			key += " " + string(op.Value)
		}
		all[key] = fmt.Sprintf("%s %q %d", op.Kind, op.Value, op.N)
		return nil
	})
	must(t, err)
	must(t, filepath.WalkDir(w.blobs.Path(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all[path] = "a file"
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	}))
	return all
}

// difference lists what is in one of them only, or another.
func difference(before, after map[string]string) (lines []string) {
	for key, value := range after {
		if was, there := before[key]; !there || was != value {
			lines = append(lines, fmt.Sprintf("%q was %.100s and is %.300s", key, was, value))
		}
	}
	for key := range before {
		if _, there := after[key]; !there {
			lines = append(lines, fmt.Sprintf("%q has gone", key))
		}
	}
	return lines
}
