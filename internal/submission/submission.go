// Package submission reads what users send to POST /jobs: a call envelope of
// the Python client, or a JSON object (docs/envelope.md).
//
// The server parses a body to check and route it, and the agent parses the
// same kept bytes again to run it; both use this package, so that they cannot
// read two different jobs out of it. Nothing here knows of HTTP.
package submission

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// MediaRef is the media type of a spec whose body was too large for the store:
// the kept bytes are a Ref in JSON, which names the blob that holds the body.
const MediaRef = "application/vnd.mlq.ref+json"

// Limits of a submission.
const (
	MaxFields  = 64 << 10 // bytes of JSON fields beside msg and source
	MaxSource  = 1 << 20  // bytes of a source
	MaxDepth   = 32       // of JSON
	MaxGPUs    = 64       // of one job
	MaxLabels  = 32
	MaxAfter   = 100
	MaxEnvVars = 256 // and MaxFields bytes together
	MaxSecrets = 32
	MaxText    = 128 // bytes of a name, a label, a pattern
	MaxPath    = 4096
	MaxKey     = 255
	MaxModules = 32 << 20 // bytes of an archive of modules; _ship.py packs at most 16 MiB of files
)

// Kind says what a submission runs.
type Kind string

// The kinds of calls.
const (
	KindEnvelope Kind = "envelope" // the body is a call envelope
	KindUploaded Kind = "uploaded" // Call.Ref is a call envelope
	KindMessage  Kind = "message"  // the named listener functions on Msg
	KindSource   Kind = "source"   // the function of Source on Msg
	KindCommand  Kind = "command"  // a program
	KindConsumer Kind = "consumer" // a process that keeps Call.Function loaded and takes messages for it
	KindHold     Kind = "hold"     // nothing: the devices are for somebody at the host, until Request.Timeout has passed
	KindRef      Kind = "ref"      // the body is elsewhere: fetch Call.Ref and parse that
)

// Call is what a submission runs. Which fields are set follows from Kind.
type Call struct {
	Kind      Kind
	Msg       json.RawMessage // as written; nil where there is none
	Functions []string        // of a message; nil: all that are registered
	Source    string
	Function  string // in Source
	Filename  string // of Source, for tracebacks
	Command   []string
	Cwd       string
	Ref       Ref
	Modules   *envelope.Blob // of an envelope: the archive of its local modules, where that is a blob
}

// Ref names a body or an envelope that is kept as a blob.
type Ref struct {
	Media  string `json:"media"`
	SHA256 string `json:"sha256"` // hex
	Size   int64  `json:"size"`   // bytes
}

// Parsed is a checked submission and what it runs.
type Parsed struct {
	scheduler.Submission
	Call Call
}

// Parse checks a body of the given media type. Its errors are *Error.
func Parse(media string, body []byte) (*Parsed, error) {
	var p *Parsed
	var err error
	switch media {
	case scheduler.MediaEnvelope:
		p, err = parseEnvelope(body)
	case scheduler.MediaJSON:
		p, err = parseJSON(body)
	case MediaRef:
		p, err = parseRef(body)
	default:
		return nil, &Error{Code: CodeMediaType, Detail: "send Content-Type: application/json or " + envelope.Media}
	}
	if err != nil {
		return nil, err
	}
	p.Media, p.Body = media, body
	return p, nil
}

func parseEnvelope(body []byte) (*Parsed, error) {
	h, err := envelope.ParseAll(body)
	if err != nil {
		return nil, badEnvelope(err)
	}
	return FromHeader(h)
}

// FromHeader checks the header of a call envelope.
func FromHeader(h *envelope.Header) (*Parsed, error) {
	if h.Kind != envelope.KindCall {
		return nil, badEnvelope(fmt.Errorf("kind must be call, not %s", h.Kind))
	}
	for _, name := range []string{"code", "args"} {
		if _, ok := h.Frame(name); !ok {
			return nil, badEnvelope(fmt.Errorf("a call has the frames code and args; there is no %s", name))
		}
	}
	p := &Parsed{Call: Call{Kind: KindEnvelope}}
	if err := p.describe(h.Function, h.Python); err != nil {
		return nil, err
	}
	if err := p.readModules(h.Modules); err != nil {
		return nil, below("/modules", err)
	}
	if len(h.Request) == 0 {
		return p, nil
	}
	fields, err := object(h.Request)
	if err != nil {
		return nil, below("/request", err)
	}
	if err := requestOnly(p, fields); err != nil {
		return nil, below("/request", err)
	}
	return p, nil
}

// readModules checks the reference to an archive of modules.
func (p *Parsed) readModules(ref *envelope.Blob) error {
	switch {
	case ref == nil:
		return nil
	case !IsSHA256(ref.SHA256):
		return below("/sha256", invalid("want 64 hexadecimal digits in lower case"))
	case ref.Size < 1 || ref.Size > MaxModules:
		return below("/size", invalid("want the size of the archive in bytes, at most 32 MiB"))
	}
	p.Call.Modules = ref
	return nil
}

// requestOnly reads fields that must all be request fields, or callback.
func requestOnly(p *Parsed, fields []field) error {
	for _, f := range fields {
		read, known := requestFields[f.Name]
		if f.Name == "callback" {
			read, known = readCallback, true
		}
		if !known {
			return unknownField(f.Name)
		}
		if err := read(p, f.Raw); err != nil {
			return below(at(f.Name), err)
		}
	}
	return p.checkTogether(fields)
}

// checkTogether checks what no field can say of itself alone.
func (p *Parsed) checkTogether(fields []field) error {
	if err := checkSize(fields); err != nil {
		return err
	}
	return p.checkSecrets()
}

// describe takes over what a call says of itself.
func (p *Parsed) describe(function, python string) error {
	if err := checkText(function, MaxText); err != nil {
		return below("/function", err)
	}
	version, err := minor(python)
	if err != nil {
		return below("/python", err)
	}
	p.Function, p.PythonVersion = function, version
	return nil
}

// minor cuts "3.11.7" to "3.11".
func minor(python string) (string, error) {
	parts := strings.SplitN(python, ".", 3)
	if len(parts) < 2 || !digits(parts[0]) || !digits(parts[1]) {
		return "", invalid(`want the full version that pickled, as "3.11.7"`)
	}
	return parts[0] + "." + parts[1], nil
}

func digits(s string) bool {
	return s != "" && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}

// EncodeRef writes the body of a spec that is kept as a blob.
func EncodeRef(r Ref) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode a reference: %w", err)
	}
	return body, nil
}

func parseRef(body []byte) (*Parsed, error) {
	p := &Parsed{Call: Call{Kind: KindRef}}
	if err := json.Unmarshal(body, &p.Call.Ref); err != nil {
		return nil, &Error{Code: CodeBadJSON, Detail: "not a reference to a blob"}
	}
	return p, nil
}
