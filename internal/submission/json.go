package submission

import (
	"encoding/json"
	"slices"
	"sort"

	"github.com/mlq-dev/mlq/internal/strictjson"
)

type field = strictjson.Field

// reader takes one field's value over into a submission.
type reader func(p *Parsed, raw []byte) error

// callFields are the fields that say what runs.
var callFields = map[string]reader{
	"msg":       func(p *Parsed, raw []byte) error { p.Call.Msg = raw; return nil },
	"functions": readFunctions,
	"source":    readSource,
	"function":  readFunction,
	"filename":  readFilename,
	"command":   readCommand,
	"cwd":       readCwd,
	"call":      readCall,
	"consumer":  readConsumer,
	"hold":      readHold,
	"callback":  readCallback,
}

// FieldNames lists all fields of a JSON submission, sorted.
func FieldNames() []string {
	names := make([]string, 0, len(callFields)+len(requestFields))
	for name := range callFields {
		names = append(names, name)
	}
	names = append(names, RequestFieldNames()...)
	sort.Strings(names)
	return names
}

// RequestFieldNames lists the request fields, sorted.
func RequestFieldNames() []string {
	names := make([]string, 0, len(requestFields))
	for name := range requestFields {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func object(raw []byte) ([]field, error) {
	fields, err := strictjson.Object(raw, MaxDepth)
	if err != nil {
		return nil, badJSON(err)
	}
	return fields, nil
}

func parseJSON(body []byte) (*Parsed, error) {
	fields, err := object(body)
	if err != nil {
		return nil, err
	}
	p := &Parsed{}
	for _, f := range fields {
		read, known := callFields[f.Name]
		if !known {
			read, known = requestFields[f.Name]
		}
		if !known {
			return nil, unknownField(f.Name)
		}
		if err := read(p, f.Raw); err != nil {
			return nil, below(at(f.Name), err)
		}
	}
	if err := p.checkTogether(fields); err != nil {
		return nil, err
	}
	return p, p.settle(fields)
}

// checkSize bounds the fields that every list and every view would have to carry.
func checkSize(fields []field) error {
	total := 0
	for _, f := range fields {
		if f.Name != "msg" && f.Name != "source" {
			total += len(f.Name) + len(f.Raw)
		}
	}
	if total > MaxFields {
		return &Error{Code: CodeTooLarge, Detail: "more than 64 KiB of fields beside msg and source"}
	}
	return nil
}

type companion struct {
	decides string
	kind    Kind
	beside  []string
}

// companions: which fields may stand beside the one that decides what runs.
var companions = []companion{
	{"call", KindUploaded, nil},
	{"command", KindCommand, []string{"cwd"}},
	{"hold", KindHold, nil},
	{"consumer", KindConsumer, nil},
	{"source", KindSource, []string{"function", "msg", "filename"}},
	{"msg", KindMessage, []string{"functions"}},
}

// noUse are the fields that a kind has no use for.
var noUse = map[Kind][]string{KindHold: notOfHolds, KindConsumer: notOfConsumers}

// excludes reports whether a field cannot stand beside the one that decides.
func (c *companion) excludes(name string) bool {
	if slices.Contains(noUse[c.kind], name) {
		return true
	}
	_, call := callFields[name]
	return call && name != c.decides && name != "callback" && !slices.Contains(c.beside, name)
}

// settle decides what runs, and that nothing contradicts it.
func (p *Parsed) settle(fields []field) error {
	has := func(name string) bool {
		return slices.ContainsFunc(fields, func(f field) bool { return f.Name == name })
	}
	for _, c := range companions {
		if !has(c.decides) {
			continue
		}
		p.Call.Kind = c.kind
		for _, f := range fields {
			if c.excludes(f.Name) {
				return &Error{Code: CodeInvalidField, Pointer: at(f.Name), Detail: "does not go together with " + c.decides}
			}
		}
		return p.settleName()
	}
	return &Error{Code: CodeInvalidField, Detail: "want one of msg, source, command, hold or call"}
}

// settleName names what runs, for people.
func (p *Parsed) settleName() error {
	switch p.Call.Kind {
	case KindSource:
		if p.Call.Function == "" {
			return &Error{Code: CodeInvalidField, Pointer: "/function", Detail: "say which function of source to run"}
		}
		p.Function = p.Call.Function
	case KindHold:
		p.Function = "hold"
	case KindConsumer:
		p.Function = p.Call.Function
	case KindCommand:
		p.Function = commandName(p.Call.Command[0])
	case KindMessage:
		p.Message, p.Functions = true, p.Call.Functions
		if n := len(p.Call.Functions); n > 0 {
			p.Function = p.Call.Functions[n-1]
		}
	}
	return nil
}

// Members splits a JSON batch, {"jobs": [ … ]}, into its submissions.
func Members(body []byte) ([][]byte, error) {
	fields, err := object(body)
	if err != nil {
		return nil, err
	}
	if len(fields) != 1 || fields[0].Name != "jobs" {
		return nil, &Error{Code: CodeInvalidField, Detail: `want exactly one field, "jobs": a list of submissions`}
	}
	members, err := strictjson.Array(fields[0].Raw)
	if err != nil {
		return nil, &Error{Code: CodeInvalidField, Pointer: "/jobs", Detail: "want a list of submissions"}
	}
	return members, nil
}

func decode[T any](raw []byte, want string) (T, error) {
	var v T
	// null would leave the zero value without an error.
	if string(raw) == "null" {
		return v, invalid(want + ", not null")
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, invalid(want)
	}
	return v, nil
}
