package world

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
)

// TestTranslate: ports become others wherever a piece of the stream ends, and
// nothing else does.
func TestTranslate(t *testing.T) {
	t.Parallel()
	in := "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n20001\r\n:20002\r\n$6\r\n200011\r\n+switch-master main 127.0.0.1 20001 127.0.0.1 20002\r\n"
	want := strings.NewReplacer("20001\r", "30001\r", "20001 ", "30001 ", "20002\r", "30002\r").Replace(in)
	by := table{20001: 30001, 20002: 30002}
	for name, read := range map[string]*bytes.Buffer{"whole": {}, "byte by byte": {}} {
		if name == "whole" {
			translate(read, strings.NewReader(in), by)
		} else {
			translate(read, iotest.OneByteReader(strings.NewReader(in)), by)
		}
		if read.String() != want {
			t.Errorf("%s: %q, want %q", name, read, want)
		}
	}
}
