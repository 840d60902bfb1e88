package slot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxPacket bounds one message to or from a Python process, as _channel.py does.
const maxPacket = 256 << 10

// packetTimeout: a process that takes nothing for so long is stuck.
const packetTimeout = 5 * time.Second

// packets is the line to a Python process: SOCK_SEQPACKET, one JSON message each.
type packets struct{ conn *net.UnixConn }

// packetPair makes a line; theirs is for the process, blocking, to be closed here after handing it over.
func packetPair() (ours *packets, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	// A grant with all env_vars that are allowed fits; more room is only a favour.
	_ = unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 2*maxPacket)
	file := os.NewFile(uintptr(fds[0]), "packets")
	theirs = os.NewFile(uintptr(fds[1]), "packets")
	conn, err := net.FileConn(file) // duplicates
	file.Close()
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return &packets{conn.(*net.UnixConn)}, theirs, nil
}

// send writes one message with descriptors beside it, which stay the caller's.
func (p *packets) send(message any, fds ...int) error {
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	if len(text) > maxPacket {
		return fmt.Errorf("message of %d bytes, at most %d", len(text), maxPacket)
	}
	if err := p.conn.SetWriteDeadline(time.Now().Add(packetTimeout)); err != nil {
		return err
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err = p.conn.WriteMsgUnix(text, rights, nil)
	return err
}

// errNonsense: a message that is none. From a job's process that is the job's
// own doing and means nothing.
var errNonsense = errors.New("not a message")

// receive reads one message into v, using buf. io.EOF: the process is gone.
func (p *packets) receive(v any, buf []byte) error {
	n, _, flags, _, err := p.conn.ReadMsgUnix(buf, nil)
	switch {
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	case flags&unix.MSG_TRUNC != 0:
		return errNonsense
	}
	if err := json.Unmarshal(buf[:n], v); err != nil {
		return errNonsense
	}
	return nil
}

func (p *packets) close() { p.conn.Close() }
