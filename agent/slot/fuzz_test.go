package slot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
	"github.com/mlq-dev/mlq/internal/sealed"
)

// pair is two ends of a socket of the kind that joins a slot with what it talks to.
func pair(t *testing.T, kind int) (ours *net.UnixConn, theirs *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fds[0]), "ours")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return conn.(*net.UnixConn), os.NewFile(uintptr(fds[1]), "theirs")
}

// FuzzLine: whatever comes over the line between agent and slot, both ends read orders,
// events and the first state out of it, or end; no message gets descriptors that did not come.
func FuzzLine(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add([]byte(`{"op":"grant","files":2,"grant":{"job":1,"fence":2,"deadline_ns":5}}`+"\n"+`{"op":"go","files":1,"job":1}`+"\n"), 2)
	seeds.Add([]byte(`{"op":"state","protocol":1,"pid":4,"attempt":{"job":1,"fence":2}}`+"\n"+`{"op":"ended","job":1,"ended":{"outcome":"lost"}}`+"\n"), 0)
	seeds.Add([]byte(`{"op":"state","protocol":99,"attempt":{"job":1}}`+"\n"), 0)
	seeds.Add([]byte(`{"op":"extend","files":-1,"deadline_ns":9223372036854775807}`+"\n\n{"), 1)
	f.Fuzz(func(t *testing.T, data []byte, files int) {
		conn, theirs := pair(t, unix.SOCK_STREAM)
		l := newLine(conn)
		defer l.close() //nolint:errcheck // nothing is written
		defer l.drop()
		send(t, theirs, data, min(max(files, 0), 8))
		var said json.RawMessage
		for first := true; l.receive(&said) == nil; first = false {
			if !json.Valid(said) || bytes.IndexByte(said, '\n') >= 0 {
				t.Fatalf("%q has the message %q", data, said)
			}
			var s State
			if err := s.read(said); first && err == nil && s.Protocol > Protocol && s.Ended != nil {
				t.Fatalf("of a protocol that is not known %q is believed", said)
			}
			var o order
			if json.Unmarshal(said, &o) != nil {
				continue
			}
			_ = o.ref()
			taken, err := l.take(o.Files)
			if err == nil && len(taken) != o.Files {
				t.Fatalf("%q took %d descriptors", said, len(taken))
			}
			closeAll(taken)
		}
		if len(l.buf) > maxLine+readLine {
			t.Fatalf("%d bytes were kept", len(l.buf))
		}
	})
}

// send writes all at once, as far as the socket has room, and hangs up.
func send(t *testing.T, to *os.File, data []byte, files int) {
	t.Helper()
	defer to.Close()
	if len(data) == 0 {
		return
	}
	null, err := os.Open(os.DevNull) // not the socket itself, which would stay open with it
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fds := make([]int, files)
	for i := range fds {
		fds[i] = int(null.Fd())
	}
	if err := unix.Sendmsg(int(to.Fd()), data[:min(len(data), 64<<10)], unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL); err != nil {
		t.Fatal(err)
	}
}

// FuzzPackets: what a job's own process says is a message or nonsense, and never more.
func FuzzPackets(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add([]byte(`{"op":"exit","code":3,"detail":"x","progress":{"a":1}}`))
	seeds.Add([]byte(`{"op":"ready"}{"op":"waiting"}`))
	seeds.Add(bytes.Repeat([]byte("["), 20_000))
	f.Fuzz(func(t *testing.T, data []byte) {
		conn, theirs := pair(t, unix.SOCK_SEQPACKET)
		p := &packets{conn}
		defer p.close()
		send(t, theirs, data, 0)
		var m childMessage
		err := p.receive(&m, make([]byte, 32<<10))
		if err == nil && !json.Valid(data) {
			t.Fatalf("%q is the message %+v", data, m)
		}
		if err != nil && len(data) > 0 && !errors.Is(err, errNonsense) {
			t.Fatalf("%q: %v", data, err)
		}
	})
}

// FuzzJournal: what a slot that was killed left behind is an attempt, none, or damaged;
// what was noted whole is read as it was noted.
func FuzzJournal(f *testing.F) {
	seeds := fuzzseed.For(f)
	noted, err := json.Marshal(record{Protocol: Protocol, Grant: Grant{Job: 5, Fence: 9}, Boot: "b", UID: 1000, Runner: procStat{PID: 4, Start: 7}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seal := range []bool{false, true} { // lines of before they were sealed, and of now
		seeds.Add([]byte(string(noted)+"\n{\"outcome\":\"lost\",\"exit_code\":-1}\n"), seal)
		seeds.Add([]byte(string(noted)+"\n{\"outcome\":"), seal)
		seeds.Add([]byte("{\"protocol\":99}\n"), seal)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, seal bool) {
		if seal {
			text = sealLines(text)
		}
		j, err := openJournal(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer j.close()
		r, ended, err := j.holding(t, text)
		whole := bytes.Count(text, []byte{'\n'})
		most := whole
		if last := text[bytes.LastIndexByte(text, '\n')+1:]; bytes.Contains(last, []byte(" crc32c ")) {
			most++ // its end alone may be missing
		}
		switch {
		case err != nil:
			return
		case r == nil && (whole > 0 || ended != nil), r != nil && most == 0, ended != nil && most < 2:
			t.Fatalf("%q was read as %v, %v", text, r, ended)
		case r != nil && r.Protocol > Protocol:
			t.Fatalf("protocol %d was read", r.Protocol)
		case r != nil:
			j.tellsAgain(t, *r, ended)
		}
	})
}

// sealLines seals each line of a text, as the journal does; the last may lack its end.
func sealLines(text []byte) []byte {
	lines := bytes.Split(text, []byte{'\n'})
	for i, line := range lines {
		if len(line) > 0 || i < len(lines)-1 {
			lines[i] = sealed.Line(line)
		}
	}
	return bytes.Join(lines, []byte{'\n'})
}

// holding is what is read where this stands in the journal's file.
func (j *journal) holding(t *testing.T, text []byte) (*record, *Ended, error) {
	t.Helper()
	if err := j.clear(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.file.Write(text); err != nil {
		t.Fatal(err)
	}
	return j.load()
}

// tellsAgain notes what was read, and holds that just that is read the next time.
func (j *journal) tellsAgain(t *testing.T, r record, ended *Ended) {
	t.Helper()
	err := j.begin(r)
	if err == nil && ended != nil {
		err = j.end(ended)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.Protocol = Protocol
	again, endedAgain, err := j.load()
	if err != nil {
		t.Fatalf("%+v was noted, and then: %v", r, err)
	}
	if was, is := asText(t, &r, ended), asText(t, again, endedAgain); was != is {
		t.Fatalf("noted: %s\nread: %s", was, is)
	}
}

func asText(t *testing.T, of ...any) string {
	t.Helper()
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// FuzzStat: a process may call itself whatever it likes; the kernel's numbers behind its
// name are read as they are.
func FuzzStat(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add("python", 12, 3, 4, uint64(99))
	seeds.Add("a) Z 1 2 3 (b", 12, 3, 4, uint64(99))
	seeds.Add("(((\n)))", 1, -1, 0, uint64(0))
	f.Fuzz(func(t *testing.T, name string, pid, parent, session int, start uint64) {
		text := statLine(name, pid, parent, session, start)
		s, err := parseStat([]byte(text))
		if err != nil || s.PID != pid || s.Parent != parent || s.Session != session || s.Start != start || s.Zombie {
			t.Fatalf("%q was read as %+v, %v", text, s, err)
		}
		_, _ = parseStat([]byte(name))
	})
}

// statLine is a line of /proc/PID/stat: the fields that are read, and zeros.
func statLine(name string, pid, parent, session int, start uint64) string {
	return fmt.Sprintf("%d (%s) S %d 0 %d %s%d 0 0\n", pid, name, parent, session, strings.Repeat("0 ", 15), start)
}
