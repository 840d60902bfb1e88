package agenttest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maps are the fields whose objects have names of users, hosts or variables as keys:
// one more would be one more of those.
var maps = map[string]bool{"tolerate": true, "resets": true, "detached": true, "labels": true, "held": true, "drained_devices": true, "env_vars": true, "secrets": true, "variables": true}

// later adds a field that nobody knows to each object of a JSON value, in its place.
func later(v any) {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			later(element)
		}
	case map[string]any:
		for name, value := range v {
			if !maps[name] {
				later(value)
			}
		}
		v["of_a_later_version"] = map[string]any{"state": []int{1}}
	}
}

// laterText is text with those fields; text that is no JSON stays.
func laterText(text []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		return text
	}
	later(v)
	out, err := json.Marshal(v)
	if err != nil {
		panic("agenttest: " + err.Error()) // it was JSON
	}
	return out
}

func laterAnswer(r *http.Response) error {
	kind := r.Header.Get("Content-Type")
	if !strings.HasPrefix(kind, "application/json") && !strings.HasPrefix(kind, "application/problem+json") {
		return nil
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	text = laterText(text)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	r.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return nil
}

func laterRequest(r *http.Request) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	text = laterText(text)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return nil
}
