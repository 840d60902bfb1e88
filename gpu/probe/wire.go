package probe

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/mlq-dev/mlq/gpu"
)

// The questions.
const (
	callDevices = "devices"
	callLinks   = "links"
	callSample  = "sample"
)

// The longest lines: a question, and an answer (a thousand devices with a
// hundred processes each fit).
const (
	longestRequest = 4 << 10
	longestMessage = 16 << 20
)

// request is a line to the child.
type request struct {
	ID   uint64 `json:"id"`
	Call string `json:"call"`
	UUID string `json:"uuid,omitempty"`
}

// message is a line from the child: an answer, if it has an id, or news.
type message struct {
	ID      uint64       `json:"id,omitempty"`
	Error   string       `json:"error,omitempty"`
	Devices []gpu.Device `json:"devices,omitempty"`
	Links   []gpu.Link   `json:"links,omitempty"`
	Sample  *gpu.Sample  `json:"sample,omitempty"`

	// Info is sent when the driver has been opened, and whenever it is another.
	Info  *gpu.Info  `json:"info,omitempty"`
	Event *gpu.Event `json:"event,omitempty"`
	// Refused: why the driver cannot be opened. The child ends after it.
	Refused string `json:"refused,omitempty"`
}

// lines writes values as lines of JSON, one at a time.
type lines struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *lines) write(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("probe: write: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.out.Write(append(text, '\n'))
	return err
}
