package slot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"golang.org/x/sys/unix"
)

// order is a message from the agent, one JSON object a line. Files is how many
// of the descriptors that were sent beside the lines belong to this one.
type order struct {
	Op      string            `json:"op"`
	Files   int               `json:"files,omitempty"`
	Job     scheduler.JobID   `json:"job,omitempty"`
	Fence   uint64            `json:"fence,omitempty"`
	Grant   *Grant            `json:"grant,omitempty"`
	Until   time.Duration     `json:"deadline_ns,omitempty"`
	Grace   time.Duration     `json:"grace_ns,omitempty"`
	Why     string            `json:"why,omitempty"`
	Outcome scheduler.Outcome `json:"outcome,omitempty"`
}

// ref names the lease that the order is about.
func (o *order) ref() scheduler.LeaseRef { return scheduler.LeaseRef{Job: o.Job, Fence: o.Fence} }

// The ops of orders, and the one answer that is no event.
const (
	opGrant  = "grant"
	opGo     = "go"
	opExtend = "extend"
	opCancel = "cancel"
	opRevoke = "revoke"
	opDone   = "done"
	opQuit   = "quit"
	opState  = "state"
)

const (
	maxLine     = 4 << 20         // bytes of one message: 1,000 names of out/ files and more
	readLine    = 16 << 10        // bytes of one read
	maxFiles    = 64              // descriptors of one message: a lease has far fewer devices
	sendTimeout = 5 * time.Second // a peer that reads nothing for so long is gone
)

// errClosed: the other end went away.
var errClosed = errors.New("connection to the slot is closed")

// line is a unix stream socket that carries JSON lines with descriptors beside
// them. The kernel delivers descriptors with the bytes they were sent with and
// never merges two such sends, so they queue up in the order of the messages.
type line struct {
	conn  *net.UnixConn
	write sync.Mutex

	// Owned by the one goroutine that receives.
	buf    []byte
	data   []byte // what one read takes
	rights []byte
	files  []*os.File
}

func newLine(conn *net.UnixConn) *line { return &line{conn: conn} }

// send writes one message; the files stay the caller's.
func (l *line) send(message any, files ...*os.File) error {
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	text = append(text, '\n')
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(descriptors(files)...)
	}
	l.write.Lock()
	defer l.write.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("%w: %w", errClosed, err)
	}
	n, _, err := l.conn.WriteMsgUnix(text, rights, nil)
	if err == nil && n < len(text) {
		_, err = l.conn.Write(text[n:])
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errClosed, err)
	}
	return nil
}

// receive reads one message into v.
func (l *line) receive(v any) error {
	for {
		if end := bytes.IndexByte(l.buf, '\n'); end >= 0 {
			err := json.Unmarshal(l.buf[:end], v)
			l.buf = append(l.buf[:0], l.buf[end+1:]...)
			if err != nil {
				return fmt.Errorf("decode a message: %w", err)
			}
			return nil
		}
		if len(l.buf) > maxLine {
			return fmt.Errorf("message of more than %d bytes", maxLine)
		}
		if err := l.fill(); err != nil {
			return err
		}
	}
}

// fill reads what is there: bytes and descriptors (close-on-exec, by net).
func (l *line) fill() error {
	if l.data == nil {
		l.data, l.rights = make([]byte, readLine), make([]byte, unix.CmsgSpace(4*maxFiles))
	}
	n, rn, flags, _, err := l.conn.ReadMsgUnix(l.data, l.rights)
	if err != nil {
		return err
	}
	files, err := parseRights(l.rights[:rn])
	l.files = append(l.files, files...)
	if err != nil {
		return err
	}
	if flags&unix.MSG_CTRUNC != 0 || len(l.files) > maxFiles {
		return errors.New("too many descriptors")
	}
	if n == 0 && len(files) == 0 {
		return io.EOF
	}
	l.buf = append(l.buf, l.data[:n]...)
	return nil
}

// take hands out the next n descriptors, which become the caller's.
func (l *line) take(n int) ([]*os.File, error) {
	if n < 0 || n > len(l.files) {
		return nil, fmt.Errorf("message names %d descriptors, %d came", n, len(l.files))
	}
	files := l.files[:n:n]
	l.files = l.files[n:]
	return files, nil
}

// close ends the connection. Only the receiver may still be inside receive; it
// drops the descriptors that nobody took.
func (l *line) close() error { return l.conn.Close() }

func (l *line) drop() {
	closeAll(l.files)
	l.files = nil
}

// parseRights turns control messages into files.
func parseRights(control []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, fmt.Errorf("control message: %w", err)
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue // credentials or the like: not asked for
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}

// descriptors are good for as long as the files are.
func descriptors(files []*os.File) []int {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	return fds
}

// closeAll closes files that were only read from or hold a lock: there is
// nothing that a failing close could lose.
func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
