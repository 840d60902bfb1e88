package sim

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
)

const two = "devices:\n- {name: a, model: H100}\n- {name: b, model: H100}\n"

// bench is a provider of a file that the test changes.
type bench struct {
	*testing.T
	path string
	log  *safeBuffer
	p    gpu.Provider
}

func newBench(t *testing.T, text string) *bench {
	b := &bench{T: t, path: filepath.Join(t.TempDir(), "lab.yaml"), log: &safeBuffer{}}
	put(t, b.path, text)
	var err error
	if b.p, err = Open(b.path, Options{Seed: testSeed, Log: zerolog.New(b.log)}); err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rename replaces the file as editors do.
func (b *bench) rename(text string) {
	b.Helper()
	put(b.T, b.path+".new", text)
	if err := os.Rename(b.path+".new", b.path); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) names() string {
	b.Helper()
	devices, err := b.p.Devices(b.Context())
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, d := range devices {
		for _, name := range []string{"a", "b", "c"} {
			if d.UUID == uuidOf(name) {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, " ")
}

func uuidOf(name string) string { return gpu.DerivedUUID("SIM", testSeed, name) }

func (b *bench) sample(name string) gpu.Sample {
	b.Helper()
	s, err := b.p.Sample(b.Context(), uuidOf(name))
	if err != nil {
		b.Fatal(err)
	}
	return s
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) count(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.b.String(), text)
}
