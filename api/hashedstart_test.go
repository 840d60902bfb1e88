package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// shut is a folder some of whose blobs are large, and are read when the gate opens.
type shut struct {
	*blob.Folder

	large  map[string]bool
	halted chan struct{}
	gate   chan struct{}
}

func (s *shut) Open(ctx context.Context, sum string) (blob.Content, error) {
	c, err := s.Folder.Open(ctx, sum)
	if err == nil && s.large[sum] {
		c.Size += 64 << 20
		c.ReaderAt = &haltingReader{&halting{halted: s.halted, gate: s.gate}, c.ReaderAt, 0}
	}
	return c, err
}

// TestDownloadsHoldUpNoStart: while as many large files are hashed for browsers as may be at a time,
// an agent gets the secrets of a job with a large call.
func TestDownloadsHoldUpNoStart(t *testing.T) {
	t.Parallel()
	folder, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	b := &shut{Folder: folder, large: map[string]bool{}, halted: make(chan struct{}, 64), gate: make(chan struct{})}
	w := newWorld(t, func(o *api.Options) { o.Blobs = b })
	node := w.token("node1", auth.RoleAgent)
	w.setSecret(w.ana, "A", marker)
	w.join()
	call, err := envelope.Encode(envelope.Header{
		Kind: envelope.KindCall, Function: "train", Python: "3.11.7", Request: []byte(`{"secrets":["A"]}`),
	}, envelope.Part{Name: "code", Data: []byte("c")}, envelope.Part{Name: "args", Data: make([]byte, 17<<20)})
	must(t, err)
	l := w.claim(w.submit(w.ana, string(call), header{"Content-Type", scheduler.MediaEnvelope}), 0)

	var list []string
	for i := range 4 {
		sum, err := folder.PutBytes(t.Context(), fmt.Append(nil, "file ", i))
		must(t, err)
		b.large[sum] = true
		list = append(list, fmt.Sprintf(`{"name":"%d.bin","size":%d,"sha256":"%s"}`, i, 64<<20, sum))
	}
	manifest, err := folder.PutBytes(t.Context(), []byte(`{"files":[`+strings.Join(list, ",")+`]}`))
	must(t, err)
	id := w.submit(w.ana, `{"msg":1}`)
	_, err = w.sched.Finish(t.Context(), w.start(id, 1).ref, scheduler.Finish{
		Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError, Result: scheduler.Result{Files: manifest, FileCount: 4},
	})
	must(t, err)
	for i := range 4 {
		conn, _ := w.get(path(id, fmt.Sprintf("/files/%d.bin", i)))
		defer conn.Close() //nolint:errcheck // the test ends
		awaitHalted(t, b.halted)
	}
	got := make(chan answer, 1)
	go func() { got <- l.values(node) }()
	select {
	case a := <-got:
		w.ok(a, 200, nil)
	case <-time.After(20 * time.Second):
		t.Error("the secrets wait for the downloads")
	}
	close(b.gate)
}
