package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// systemd stands in for the program that no build machine lets a test use: it
// notes how it was called.
func systemd(t *testing.T, then string) (notes string) {
	t.Helper()
	dir := t.TempDir()
	notes = filepath.Join(dir, "notes")
	script := "#!/bin/sh\necho \"$@\" >> " + notes + "\n" + then + "\n"
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return notes
}

func TestInstallService(t *testing.T) {
	notes, folder := systemd(t, ""), t.TempDir()
	var said bytes.Buffer
	if err := installService(t.Context(), streams{out: &said}, folder, "mlq-agent.service"); err != nil {
		t.Fatal(err)
	}
	calls, err := os.ReadFile(notes)
	if want := "daemon-reload\nenable --now mlq-agent.service\n"; err != nil || string(calls) != want {
		t.Errorf("systemctl was called with %q, %v; want %q", calls, err, want)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile(filepath.Join(folder, "mlq-agent.service"))
	if err != nil || !strings.Contains(string(unit), "\nExecStart="+self+" agent\n") {
		t.Errorf("the unit starts another program than this one: %v\n%s", err, unit)
	}
	if want := "installed the units in " + folder + "\nsystemctl daemon-reload: done\nsystemctl enable --now mlq-agent.service: done\n"; said.String() != want {
		t.Errorf("said %q, want %q", said.String(), want)
	}
}

func TestInstallServiceFails(t *testing.T) {
	systemd(t, "echo no bus >&2; exit 1")
	err := installService(t.Context(), streams{out: &bytes.Buffer{}}, t.TempDir(), "mlq-agent.service")
	if err == nil || !strings.Contains(err.Error(), "systemctl daemon-reload: exit status 1: no bus") {
		t.Errorf("systemctl failed, and it says %v", err)
	}
	err = installService(t.Context(), streams{out: &bytes.Buffer{}}, filepath.Join(t.TempDir(), "none"), "mlq-agent.service")
	if err == nil || !strings.Contains(classify(err).hint, "mlq agent --env-file") {
		t.Errorf("no folder of units, and it says %v", err)
	}
}
