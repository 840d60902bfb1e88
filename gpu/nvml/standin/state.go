package standin

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// State is what the library answers. The keys are in c/standin.h. A change is
// seen by the next call. Safe for concurrent use.
type State struct {
	t    testing.TB
	path string

	mu     sync.Mutex
	lines  map[string]string
	events int
}

// New writes the state of a driver 580 with n GPUs of 80 GiB, well and idle. It
// lies in a folder of the test.
func New(t testing.TB, n int) *State {
	t.Helper()
	s := &State{t: t, path: filepath.Join(t.TempDir(), "nvml"), lines: begin(n)}
	s.Set("calls", s.path+".calls")
	return s
}

// begin are the lines of a driver 580 with n GPUs.
func begin(n int) map[string]string {
	lines := map[string]string{"count": strconv.Itoa(n), "driver": "580.95.05"}
	for i := range n {
		gpu(lines, i)
	}
	return lines
}

// gpu writes a GPU at an index, as an H100 of driver 580 answers.
func gpu(lines map[string]string, i int) {
	for key, value := range map[string]string{
		"uuid": UUID(i), "name": "NVIDIA H100 80GB HBM3", "bus": Bus(i), "minor": strconv.Itoa(i),
		"cc": "9.0", "display": "0", "mem.total": "81559", "mem.reserved": "551", "mem.used": "0",
		"util": "0", "temp": "31", "power": "70123", "power.limit": "700000", "clock": "345",
		"ecc": "0", "remap": "0,0,0,0", "mode": "0", "field.230": "0", "mig": "0",
	} {
		lines[fmt.Sprintf("%d.%s", i, key)] = value
	}
}

// UUID of the GPU that New puts at an index.
func UUID(i int) string { return fmt.Sprintf("GPU-5d000000-0000-4000-8000-%012d", i) }

// Bus is its PCI address, as the kernel writes it.
func Bus(i int) string { return fmt.Sprintf("0000:%02x:00.0", 0x18+i) }

// Path of the file.
func (s *State) Path() string { return s.path }

// Change alters lines, all at once.
func (s *State) Change(alter func(lines map[string]string)) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	alter(s.lines)
	if err := s.write(); err != nil {
		s.t.Fatal("NVML's stand-in:", err)
	}
}

// write replaces the file, so that nobody reads half of it.
func (s *State) write() error {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s.lines)) {
		fmt.Fprintf(&b, "%s=%s\n", key, s.lines[key])
	}
	next := s.path + ".next"
	if err := os.WriteFile(next, []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(next, s.path)
}

// Set gives a key a value.
func (s *State) Set(key, value string) {
	s.t.Helper()
	s.Change(func(lines map[string]string) { lines[key] = value })
}

// Unset takes keys away.
func (s *State) Unset(keys ...string) {
	s.t.Helper()
	s.Change(func(lines map[string]string) {
		for _, key := range keys {
			delete(lines, key)
		}
	})
}

// Calls counts the calls of a function for a GPU so far; GPU −1 is for those
// that are about none.
func (s *State) Calls(function string, gpu int) int {
	s.t.Helper()
	text, err := os.ReadFile(s.path + ".calls")
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	line := fmt.Sprintf("%s %d", function, gpu)
	n := 0
	for l := range strings.Lines(string(text)) {
		if strings.TrimSuffix(l, "\n") == line {
			n++
		}
	}
	return n
}
