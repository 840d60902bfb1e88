package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
)

// shipped is a call whose header names an archive of modules.
func shipped(t testing.TB, archive string, size int, args int) []byte {
	t.Helper()
	h := envelope.Header{
		Kind: envelope.KindCall, Function: "train", Python: "3.11.7",
		Modules: &envelope.Blob{SHA256: blob.Sum([]byte(archive)), Size: int64(size)},
	}
	data, err := envelope.Encode(h, envelope.Part{Name: "code", Data: []byte("c")}, envelope.Part{Name: "args", Data: make([]byte, args)})
	must(t, err)
	return data
}

// TestCallWithModules: a call is taken only if the archive that it names is there,
// wherever its envelope lies and however many there are.
func TestCallWithModules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const archive = "an archive"
	media := header{"Content-Type", envelope.Media}
	small, large := shipped(t, archive, len(archive), 10), shipped(t, archive, len(archive), 20_000)
	w.ok(w.do(w.ana, "PUT", "/blobs/"+blob.Sum(large), large), 201, nil)
	uploaded := fmt.Sprintf(`{"call":{"sha256":%q,"size":%d,"function":"train","python":"3.11.7"}}`, blob.Sum(large), len(large))
	two := append(callEnvelope(t, 10), small...)
	each := func(check func(a answer, pointer string)) {
		check(w.do(w.ana, "POST", "/jobs", small, media), "/modules/sha256")
		check(w.do(w.ana, "POST", "/jobs", large, media), "/modules/sha256")
		check(w.do(w.ana, "POST", "/jobs", uploaded), "/modules/sha256")
		check(w.do(w.ana, "POST", "/jobs/batch", two, header{"Content-Type", envelope.MediaBatch}), "/jobs/1/modules/sha256")
	}
	each(func(a answer, pointer string) {
		p := w.refused(a, 409, api.CodeBlobMissing)
		if len(p.Errors) != 1 || p.Errors[0].Pointer != pointer {
			t.Errorf("refused with %+v, want %s", p.Errors, pointer)
		}
	})
	if n := w.count(); n != 0 {
		t.Errorf("%d jobs were queued without their modules", n)
	}
	w.orphaned(archive)
	each(func(a answer, _ string) { w.ok(a, 201, nil) })
	w.refused(w.do(w.ana, "POST", "/jobs", shipped(t, archive, 5, 10), media), 422, api.CodeDigest)
	w.refused(w.do(w.ana, "POST", "/jobs", shipped(t, archive, 33<<20, 10), media), 422, api.CodeInvalidField)
	text := strings.Replace(string(small), blob.Sum([]byte(archive)), strings.Repeat("/", 64), 1)
	w.refused(w.do(w.ana, "POST", "/jobs", text, media), 422, api.CodeInvalidField)
}

// TestModulesOfEnvironments: hundreds of names, told to who asks for them.
func TestModulesOfEnvironments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join()
	w.inv.Environments[0].Modules = map[string]string{"sklearn": "1.4.2"}
	must(t, w.sched.Report(t.Context(), w.inv.Host, w.epoch, w.inv))
	for query, want := range map[string]string{"": "", "?modules=false": "", "?modules=true": "1.4.2"} {
		var got struct{ Hosts []api.Host }
		w.ok(w.do(w.bob, "GET", "/hosts"+query, nil), 200, &got)
		if len(got.Hosts) != 1 || got.Hosts[0].Environments[0].Modules["sklearn"] != want {
			t.Errorf("%q: %+v", query, got)
		}
	}
	w.refused(w.do(w.bob, "GET", "/hosts?modules=all", nil), 400, api.CodeBadRequest)
}
