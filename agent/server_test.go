package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// shelf is as much of an HTTP server as an agent needs: blobs, logs and
// functions, over real HTTP. It can be told not to answer.
type shelf struct {
	http  *httptest.Server
	blobs *blob.Folder

	mu        sync.Mutex
	down      bool
	functions map[string][]agent.Function // by user
	secrets   map[string]string           // by variable, the same for all jobs; nil: they were removed
}

func newShelf(t testing.TB) *shelf {
	t.Helper()
	blobs, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{blobs: blobs, functions: map[string][]agent.Function{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /blobs/{sum}", s.getBlob)
	mux.HandleFunc("PUT /blobs/{sum}", s.putBlob)
	mux.HandleFunc("PUT /log/{job}/{attempt}", s.putLog)
	mux.HandleFunc("GET /consumer", s.getFunctions)
	mux.HandleFunc("GET /secrets", s.getSecrets)
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		down := s.down
		s.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.http.Close()
		if err := blobs.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *shelf) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *shelf) register(t *testing.T, user, name string, pickle []byte) {
	t.Helper()
	sum, err := s.blobs.PutBytes(t.Context(), pickle)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.functions[user] = append(s.functions[user], agent.Function{Name: name, SHA256: sum})
}

func (s *shelf) read(sum string, limit int64) ([]byte, error) {
	b, err := s.blobs.Open(context.Background(), sum)
	if err != nil {
		return nil, err
	}
	return b.All(limit)
}

func (s *shelf) log(t testing.TB, job scheduler.JobID, attempt int) string {
	t.Helper()
	size, err := s.blobs.LogSize(t.Context(), int64(job), attempt)
	if err != nil {
		t.Fatal(err)
	}
	if size == 0 {
		return ""
	}
	f, err := s.blobs.OpenLog(t.Context(), int64(job), attempt, 0, size)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *shelf) getBlob(w http.ResponseWriter, r *http.Request) {
	b, err := s.blobs.Open(r.Context(), r.PathValue("sum"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	defer b.Close()
	_, _ = io.Copy(w, io.NewSectionReader(b, 0, b.Size)) // a client that went away asks again
}

func (s *shelf) putBlob(w http.ResponseWriter, r *http.Request) {
	if _, err := s.blobs.Put(r.Context(), r.PathValue("sum"), r.Body, 1<<30); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	}
}

func (s *shelf) putLog(w http.ResponseWriter, r *http.Request) {
	job, err1 := strconv.ParseInt(r.PathValue("job"), 10, 64)
	n, err2 := strconv.Atoi(r.PathValue("attempt"))
	offset, err3 := strconv.ParseInt(r.URL.Query().Get("offset"), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		http.Error(w, "bad path", http.StatusBadRequest)
		return
	}
	if _, err := s.blobs.WriteLog(r.Context(), job, n, offset, r.Body, 64<<20); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}

func (s *shelf) getFunctions(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(s.functions[r.URL.Query().Get("user")]) // likewise
}

func (s *shelf) setSecrets(secrets map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = secrets
}

func (s *shelf) getSecrets(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secrets == nil {
		http.Error(w, "removed", http.StatusGone)
		return
	}
	_ = json.NewEncoder(w).Encode(s.secrets) // likewise
}

// shelfClient is the agent's end.
type shelfClient struct{ url string }

var _ agent.API = shelfClient{}

func (c shelfClient) do(ctx context.Context, method, path string, body io.Reader, size int64) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return nil, err
	}
	r.ContentLength = size
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 == 2 {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	err = fmt.Errorf("%s %s: %s", method, path, answer.Status)
	if answer.StatusCode/100 == 4 {
		err = fmt.Errorf("%w: %w", agent.ErrRefused, err)
	}
	return nil, err
}

func (c shelfClient) put(ctx context.Context, path string, body io.Reader, size int64) error {
	answer, err := c.do(ctx, http.MethodPut, path, body, size)
	if err != nil {
		return err
	}
	return answer.Close()
}

func (c shelfClient) GetBlob(ctx context.Context, sum string) (io.ReadCloser, error) {
	return c.do(ctx, http.MethodGet, "/blobs/"+sum, nil, 0)
}

func (c shelfClient) PutBlob(ctx context.Context, sum string, size int64, body io.ReaderAt) error {
	return c.put(ctx, "/blobs/"+sum, io.NewSectionReader(body, 0, size), size)
}

func (c shelfClient) PutLog(ctx context.Context, ref scheduler.LeaseRef, attempt int, offset int64, piece []byte) error {
	return c.put(ctx, fmt.Sprintf("/log/%d/%d?offset=%d", ref.Job, attempt, offset), bytes.NewReader(piece), int64(len(piece)))
}

func (c shelfClient) Functions(ctx context.Context, user string) (list []agent.Function, err error) {
	answer, err := c.do(ctx, http.MethodGet, "/consumer?user="+user, nil, 0)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	return list, json.NewDecoder(answer).Decode(&list)
}

func (c shelfClient) Secrets(ctx context.Context, _ scheduler.LeaseRef, _ int) (values map[string]string, err error) {
	answer, err := c.do(ctx, http.MethodGet, "/secrets", nil, 0)
	if errors.Is(err, agent.ErrRefused) {
		return nil, fmt.Errorf("%w: %w", agent.ErrNoSecret, err)
	}
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	return values, json.NewDecoder(answer).Decode(&values)
}

func (c shelfClient) Ready(ctx context.Context) error {
	answer, err := c.do(ctx, http.MethodGet, "/readyz", nil, 0)
	if err != nil {
		return err
	}
	return answer.Close()
}
