package envelope

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// reader is the client's and the runner's reader, which answers each line of base 64 with
// what it makes of these bytes.
const reader = `
import base64, json, sys
sys.path.insert(0, sys.argv[1])
from mlq import _envelope
for line in sys.stdin:
    data = base64.b64decode(line)
    try:
        found = _envelope.unpack(data)
        table = list(_envelope.lay_out_frames(found.header, 8 + int.from_bytes(data[4:8], "little"), len(data)))
        answer = {"kind": found.kind, "frames": table}
    except _envelope.EnvelopeError as err:
        answer = {"refused": str(err)}
    print(json.dumps(answer), flush=True)
`

// python is a process with that reader.
type python struct {
	in  io.Writer
	out *bufio.Reader
}

func startPython(f *testing.F) *python {
	f.Helper()
	path := os.Getenv("MLQ_TEST_PYTHON")
	if path == "" {
		path = "../../.venv/bin/python"
	}
	cmd := exec.Command(path, "-I", "-c", reader, "../../client/python/src")
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		f.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		f.Fatalf("%v (make test makes .venv)", err)
	}
	f.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			f.Error(err)
		}
	})
	return &python{in, bufio.NewReader(out)}
}

// answer is what Python makes of an envelope.
type answer struct {
	Kind    string
	Frames  []Frame
	Refused string
}

// UnmarshalJSON reads [name, offset, size].
func (f *Frame) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&f.Name, &f.Offset, &f.Size})
}

func (p *python) read(t *testing.T, data []byte) (a answer) {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, base64.StdEncoding.EncodeToString(data)); err != nil {
		t.Fatal(err)
	}
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		t.Fatalf("Python's reader ended, of %q: %v", data, err)
	}
	return a
}

// FuzzSameInPython: what the server routes is what the runner runs and what the client
// reads. What both take, they take as the same; what Go takes, Python takes too, but for a
// reason that is known. What Go refuses, no Python ever gets.
func FuzzSameInPython(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, header := range []string{
		`{"kind":"call","frames":[["a",3]]}`, `{"kind":"result","frames":[["a",1],["\u0061b",2]]}`, `{"kind":"error","frames":[]}`,
		`{"kind":"call","frames":[["a",3]],"FRAMES":[["b",3]]}`, `{"kind":"call","frames":[["b",3]],"frames":[["a",3]]}`, `{"Kind":"call","frames":[["a",3]]}`,
		`{"kind":"call","kind":"result","frames":[["a",3]]}`, `{"kind":"call","frames":[["a",1,2],["b",2]]}`, `{"kind":"call","frames":[["a",null],["b",3]]}`,
		`{"kind":"call","frames":[[null,3]]}`, `{"kind":"call","frames":null}`, `{"kind":"call"}`, `{"kind":"call","frames":[["a",1],["a",2]]}`,
		`{"kind":"call","frames":[["a",3.0]]}`, `{"kind":"call","frames":[["a",-0],["b",3]]}`, `{"kind":["call"],"frames":[["a",3]]}`,
		`{"kind":"call","x":NaN,"frames":[["a",3]]}`, "\xef\xbb\xbf" + `{"kind":"call","frames":[["a",3]]}`, `{"kind":"call","x":"` + "\xff" + `","frames":[["a",3]]}`,
		`{"kind":"call","frames":[["\ud800",3]]}`, `{"kind":"call","x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `,"frames":[["a",3]]}`,
	} {
		seeds.Add(append(raw(header), "xyz"...))
	}
	seeds.Add(append(raw(`{"kind":"call","frames":[["a",3],["b",4096]]}`), make([]byte, 64+4096)...))
	p := startPython(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ParseAll(data)
		theirs := p.read(t, data)
		switch {
		case err != nil:
		case theirs.Refused != "":
			if !onlyPython(theirs.Refused) {
				t.Fatalf("%q: Go takes it, and Python says: %s", data, theirs.Refused)
			}
		case h.Kind != theirs.Kind || len(h.Frames)+len(theirs.Frames) > 0 && !reflect.DeepEqual(h.Frames, theirs.Frames):
			t.Fatalf("%q: Go reads %s %+v, Python %s %+v", data, h.Kind, h.Frames, theirs.Kind, theirs.Frames)
		}
	})
}

// onlyPython: what Go does not look at, since nothing of it decides where a job goes.
func onlyPython(refused string) bool {
	return strings.HasPrefix(refused, "two frames are named")
}
