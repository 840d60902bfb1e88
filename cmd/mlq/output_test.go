package main

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
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

// TestErrorsCannotSteerTheTerminal: a refusal names what is closest, in its agent's words.
func TestErrorsCannotSteerTheTerminal(t *testing.T) {
	var out strings.Builder
	report(streams{err: &out}, failed("the closest is\n%s", "H100\x1b[2J\u202e").with("mlq drain %s", "gpu\x1b[1"))
	if got, want := out.String(), "mlq: the closest is H100·[2J·\nhint: mlq drain gpu·[1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
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

// Small use is told as small, not as nothing, and not in powers of ten.
func TestHours(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{0: "0.00", 0.036: "<0.01", 17: "<0.01", 18: "0.01", 5400: "1.50"} {
		if got := hours(seconds); got != want {
			t.Errorf("hours(%v) = %q, want %q", seconds, got, want)
		}
	}
}

// A device whose job has ended, and whose agent clears up, is nobody's any more.
func TestBusyInWords(t *testing.T) {
	t.Parallel()
	got := busyInWords([]api.Device{{UUID: "CPU-314414d9-x"}, {UUID: "CPU-032f0e34-x", User: "ana", Job: 5}})
	if want := "2 devices in use: CPU-314414d9 is being freed, ana has CPU-032f0e34 (job 5)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
