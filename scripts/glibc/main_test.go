package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"2.17", "", true}, {"2.9", "2.17", false}, {"2.34", "2.4", true}, {"2.2.5", "2.2", true}, {"2.2", "2.2.5", false}, {"2.3", "2.3", false}, {"PRIVATE", "2.3", false}} {
		if got := newer(c.a, c.b); got != c.want {
			t.Errorf("newer(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

// TestOldest: of a program of Go alone, and of one of C.
func TestOldest(t *testing.T) {
	dir := t.TempDir()
	source, static, dynamic := filepath.Join(dir, "main.c"), filepath.Join(dir, "static"), filepath.Join(dir, "dynamic")
	if err := os.WriteFile(source, []byte("#include <stdio.h>\nint main(void) { puts(\"x\"); return 0; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", static, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	for _, cmd := range []*exec.Cmd{build, exec.Command("gcc", "-o", dynamic, source)} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if got, err := oldest(static); err != nil || got != "none needed" {
		t.Errorf("of Go alone: %q, %v", got, err)
	}
	if got, err := oldest(dynamic); err != nil || !regexp.MustCompile(`^2\.\d+`).MatchString(got) {
		t.Errorf("of C: %q, %v", got, err)
	}
	if _, err := oldest(source); err == nil {
		t.Error("a text is no program")
	}
}
