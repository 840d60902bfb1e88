package api_test

import (
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestRevokedBeforeTheSecrets: an agent that is revoked while a job's call is hashed for it
// gets none of the secrets that the call names.
func TestRevokedBeforeTheSecrets(t *testing.T) {
	t.Parallel()
	data, err := envelope.Encode(envelope.Header{
		Kind: envelope.KindCall, Function: "train", Python: "3.11.7", Request: []byte(`{"secrets":["A"]}`),
	}, envelope.Part{Name: "code", Data: []byte("c")}, envelope.Part{Name: "args", Data: []byte(strings.Repeat("x", 128<<10))})
	must(t, err)
	text, sum := string(data), blob.Sum(data)
	folder, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	h := &halting{Folder: folder, slow: sum, halted: make(chan struct{}, 16), gate: make(chan struct{})}
	w := newWorld(t, func(o *api.Options) { o.Blobs = h })
	node := w.token("node1", auth.RoleAgent)
	w.setSecret(w.ana, "A", marker)
	w.join()
	id := w.submit(w.ana, text, header{"Content-Type", scheduler.MediaEnvelope})
	l := w.claim(id, 0)
	got := make(chan answer)
	go func() { got <- l.values(node) }()
	select {
	case <-h.halted:
	case a := <-got:
		t.Fatalf("answered unhashed: %d %.300s", a.status, a.body)
	}
	must(t, w.tokens.Revoke(t.Context(), strings.Split(node, "_")[2]))
	close(h.gate) // hashed at once: no look of every two seconds has come yet
	w.refused(<-got, 401, api.CodeUnauthorized)
}
