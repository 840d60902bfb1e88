package probe

import (
	"bytes"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
)

// Bounds of what is taken from a child's standard error.
const (
	mostLines   = 100 // into the log, of one child
	keptLines   = 20  // to tell why it ended
	longestLine = 1000
)

// stderr puts what a child writes there into the log, line by line, and keeps
// the first lines, which tell why it ended.
type stderr struct {
	log zerolog.Logger

	mu    sync.Mutex
	part  []byte // a line whose end has not come yet
	count int
	kept  []string
}

// Write never fails, so that the child never waits.
func (s *stderr) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.part = append(s.part, b...)
	for {
		line, rest, found := bytes.Cut(s.part, []byte("\n"))
		if !found && len(s.part) < longestLine {
			return len(b), nil
		}
		s.line(string(line[:min(len(line), longestLine)]))
		s.part = append([]byte(nil), rest...)
	}
}

func (s *stderr) line(text string) {
	text = gpu.Printable(text)
	s.count++
	switch {
	case text == "" || s.count > mostLines:
		return
	case s.count == mostLines:
		text += " (the rest is left out)"
	case len(s.kept) < keptLines:
		s.kept = append(s.kept, text)
	}
	s.log.Warn().Str("probe", text).Msg("the GPU probe says")
}

// text is what was kept, with the line that has no end.
func (s *stderr) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(append(s.kept, gpu.Printable(string(s.part))), "\n")
}
