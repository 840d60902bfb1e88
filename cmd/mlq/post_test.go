package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestPost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args, functions []string
		callback, want  string
	}{
		"JSON":                 {[]string{`{"arg1": 6}`}, nil, "", `{"msg":{"arg1":6}}`},
		"a number":             {[]string{"5"}, nil, "", `{"msg":5}`},
		"a text":               {[]string{"hello world"}, nil, "", `{"msg":"hello world"}`},
		"an empty text":        {[]string{""}, nil, "", `{"msg":""}`},
		"functions":            {[]string{"x"}, []string{"f", "g"}, "", `{"functions":["f","g"],"msg":"x"}`},
		"as the predecessor's": {[]string{"x", "g", "h"}, []string{"f"}, "http://c/", `{"callback":"http://c/","functions":["f","g","h"],"msg":"x"}`},
	} {
		fields := map[string]any{}
		if err := addPost(fields, c.args, c.functions, c.callback); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := json.Marshal(fields); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestPostRefuses(t *testing.T) {
	t.Parallel()
	for words, args := range map[string][]string{
		"takes a message":   nil,
		"one message":       {"hello", "world"},
		"MSG is not valid":  {`{"arg1": 6`},
		"unexpected end":    {`[1, 2`},
		"invalid character": {`{arg1: 6}`},
	} {
		var said strings.Builder
		err := addPost(map[string]any{}, args, nil, "")
		if code := report(streams{err: &said}, err); code != exitUsage || !strings.Contains(said.String(), words) {
			t.Errorf("%q: exit %d: %s, want %q", args, code, &said, words)
		}
	}
}
