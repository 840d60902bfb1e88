package main

import (
	"strings"
	"testing"
)

func TestCallbacksFlag(t *testing.T) {
	if _, err := readCallbacks([]string{"10.0.0.0/8", "all"}); err != nil {
		t.Error(err)
	}
	_, err := readCallbacks([]string{"lab"})
	var said strings.Builder
	if code := report(streams{err: &said}, err); code != exitConfig || !strings.Contains(said.String(), `--callback-private "lab"`) {
		t.Errorf("exit %d: %s", code, &said)
	}
}
