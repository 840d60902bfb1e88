package submission

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
)

// notOfConsumers are the fields that the process of a kept function has no use for: the
// server submits its job when a message waits, and again after it has ended.
var notOfConsumers = []string{"after", "callback", "key", "queue_timeout", "retries", "run_at"}

// keepParams are the parameters beside the request fields, which whoever calls ConsumerBody reads.
var keepParams = []string{"filename", "idle", "keep", "local", "name"}

// readConsumer takes the function of the process.
func readConsumer(p *Parsed, raw []byte) error {
	name, err := readText(raw)
	if err == nil && name == "" {
		err = invalid("want the name of a kept function")
	}
	p.Call.Function = name
	return err
}

// ConsumerBody is the body that the job of a kept function's process is submitted with,
// made of the request fields among the parameters of a URL. A parameter is the field's
// JSON, or the text itself; one that is neither a field nor of the registration is an error,
// or gpu=2 would be taken for no wish.
func ConsumerBody(function string, params url.Values) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{"consumer": quoted(function)}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if slices.Contains(keepParams, name) {
			continue
		}
		if slices.Contains(notOfConsumers, name) {
			return nil, &Error{Code: CodeInvalidField, Pointer: at(name), Detail: "has no use for a function that is kept loaded"}
		}
		if requestFields[name] == nil {
			return nil, unknownField(name)
		}
		value, err := fieldValue(name, params.Get(name))
		if err != nil {
			return nil, below(at(name), err)
		}
		fields[name] = value
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(fields); err != nil {
		return nil, badJSON(err)
	}
	text := bytes.TrimSpace(body.Bytes())
	_, err := parseJSON(text)
	return text, err
}

// fieldValue is a field's value as JSON: the text itself where it is some that the field
// takes, else the text as a string.
func fieldValue(name, text string) (json.RawMessage, error) {
	read := requestFields[name]
	if json.Valid([]byte(text)) && read(&Parsed{}, []byte(text)) == nil {
		return json.RawMessage(text), nil
	}
	return quoted(text), read(&Parsed{}, quoted(text))
}

func quoted(text string) json.RawMessage {
	raw, err := json.Marshal(text)
	if err != nil {
		panic("submission: quote: " + err.Error()) // a string can be encoded
	}
	return raw
}
