package slot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// CallKind says what a call runs.
type CallKind string

// The kinds of calls.
const (
	CallEnvelope CallKind = "envelope" // parts: the envelope
	CallMessage  CallKind = "message"  // parts: one pickled function per name, then the message as JSON
	CallSource   CallKind = "source"   // parts: the Python source, then the message as JSON
	CallCommand  CallKind = "command"  // parts: the argument list as a JSON list of strings
	CallConsumer CallKind = "consumer" // parts: the function, its pickle or its source
)

// callAlign is where the parts start in a call's file, so that the frames of
// an envelope lie as aligned in memory as they do in it.
const callAlign = 4096

// CallHeader is the first line of a call's file; docs/slot.md has the format.
type CallHeader struct {
	Kind  CallKind `json:"kind"`
	Parts []int64  `json:"parts"` // sizes in bytes

	Names    []string `json:"names,omitempty"`    // message: the functions, in order; consumer: the one
	Function string   `json:"function,omitempty"` // source: which function to call
	Filename string   `json:"filename,omitempty"` // source: for tracebacks
	Form     string   `json:"form,omitempty"`     // consumer: "pickle" or "source"
	Idle     float64  `json:"idle,omitempty"`     // consumer: s without a message after which it ends
	// NoMessage: source is called without an argument.
	NoMessage bool   `json:"no_message,omitempty"`
	Cwd       string `json:"cwd,omitempty"` // command: where to run it, if it exists and may be entered
	// FullMessage is what mlq.context().full_message shows beside msg: id,
	// timestamp, worker, functions, retries and so on.
	FullMessage json.RawMessage `json:"full_message,omitempty"`
}

// CallFile lays a call out in a sealed memory file, to be handed to Go. Parts
// that are in files already do not pass through here: see CallFiles.
func CallFile(h CallHeader, parts ...[]byte) (*os.File, error) {
	h.Parts = make([]int64, len(parts))
	for i, p := range parts {
		h.Parts[i] = int64(len(p))
	}
	prefix, err := callPrefix(h)
	if err != nil {
		return nil, err
	}
	return memoryFile(append([][]byte{prefix}, parts...))
}

// CallFiles is a call whose parts are files, to be handed to Go: its header in a file
// of its own, and then the parts, which the job maps from where they are. They are to
// be open for reading only, and nobody may change what is in them.
func CallFiles(h CallHeader, parts ...*os.File) ([]*os.File, error) {
	h.Parts = make([]int64, len(parts))
	for i, part := range parts {
		info, err := part.Stat()
		if err != nil {
			return nil, fmt.Errorf("part %d of a call: %w", i, err)
		}
		h.Parts[i] = info.Size()
	}
	prefix, err := callPrefix(h)
	if err != nil {
		return nil, err
	}
	header, err := CallPart(prefix)
	return append([]*os.File{header}, parts...), err
}

// CallPart makes a part for CallFiles of what is in memory.
func CallPart(data []byte) (*os.File, error) { return memoryFile([][]byte{data}) }

// callPrefix is what stands before the parts in a call's file: the header in
// one line, padded with spaces.
func callPrefix(h CallHeader) ([]byte, error) {
	line, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode a call's header: %w", err)
	}
	pad := callAlign - (len(line)+1)%callAlign
	line = append(line, bytes.Repeat([]byte{' '}, pad%callAlign)...)
	return append(line, '\n'), nil
}

// memoryFile puts the pieces into a memory file that nobody can change any more,
// the job included.
func memoryFile(pieces [][]byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("mlq-call", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memory file for a call: %w", err)
	}
	f := os.NewFile(uintptr(fd), "mlq-call")
	if err := writeAll(f, pieces); err != nil {
		f.Close()
		return nil, fmt.Errorf("write a call: %w", err)
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, fmt.Errorf("seal a call: %w", err)
	}
	return f, nil
}

func writeAll(f *os.File, pieces [][]byte) error {
	for _, p := range pieces {
		if _, err := f.Write(p); err != nil {
			return err
		}
	}
	return nil
}
