package main

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	rows := table{head: []string{"ID", "NAME"}}
	rows.row("7", "train")
	rows.row("1234", "")
	var out strings.Builder
	if err := rows.print(&out); err != nil {
		t.Fatal(err)
	}
	if want := "ID    NAME\n7     train\n1234  -\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestTableWithoutRows(t *testing.T) {
	var out strings.Builder
	if err := (&table{head: []string{"ID"}, empty: "no jobs"}).print(&out); err != nil || out.String() != "no jobs\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestCellsCannotSteerTheTerminal(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[2Jgone": "·[2Jgone", "a\nb": "a·b", "\u202eevil": "·evil", "größe ✓": "größe ✓",
	} {
		if got := harmless(in); got != want {
			t.Errorf("harmless(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHumanUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ms", 1500 * time.Millisecond: "1s", 250 * time.Second: "4m10s",
		125 * time.Minute: "2h5m", 76 * time.Hour: "3d4h", -3 * time.Second: "-3s",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%v) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1 << 20: "1 MiB", 80 << 30: "80 GiB", 1536: "1.5 KiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"listen", "store", "data"}
	for word, want := range map[string]string{"lisen": "listen", "stroe": "store", "completely": "", "data": "data"} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
