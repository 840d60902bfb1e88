package portowner

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

func TestWhoNamesThisProcess(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	got := Who(ln.Addr().String())
	if want := fmt.Sprintf("process %d (", os.Getpid()); !strings.HasPrefix(got, want) {
		t.Errorf("Who = %q, want %q…", got, want)
	}
}

func TestWhoOfAFreePort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	for _, a := range []string{address, "no port", "127.0.0.1:http", ""} {
		if got := Who(a); got != "another process" {
			t.Errorf("Who(%q) = %q", a, got)
		}
	}
}

func TestParse(t *testing.T) {
	line := "   0: 0100007F:1389 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0"
	got, ok := parse(line)
	if want := (socket{5001, "0A", "1000", "12345"}); !ok || got != want {
		t.Errorf("parse = %+v, %v; want %+v", got, ok, want)
	}
	for _, bad := range []string{"", "  sl  local_address rem_address   st", strings.Replace(line, ":1389", "-1389", 1)} {
		if got, ok := parse(bad); ok {
			t.Errorf("parse(%q) = %+v", bad, got)
		}
	}
}
