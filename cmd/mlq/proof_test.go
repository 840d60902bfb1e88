package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named is a test that docs/proof.md names: a folder of Go or a file of Python,
// and the function.
var named = regexp.MustCompile("`([a-z0-9/_.]+) ((?:Test|test_)\\w+)`")

// TestProof: each test that docs/proof.md names exists, and no fault has none.
func TestProof(t *testing.T) {
	text, err := os.ReadFile("../../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := named.FindAllStringSubmatch(string(text), -1)
	if len(tests) < 40 {
		t.Fatalf("only %d tests are named: has the way of naming changed?", len(tests))
	}
	for _, m := range tests {
		if !defines(t, m[1], m[2]) {
			t.Errorf("docs/proof.md names %s, which %s does not have", m[2], m[1])
		}
	}
	_, faults, _ := strings.Cut(string(text), "| fault | tests |\n|---|---|\n")
	for row := range strings.Lines(faults) {
		if !named.MatchString(row) {
			t.Errorf("docs/proof.md names no test for this fault: %s", row)
		}
	}
}

// defines looks for a test in the sources of a Go package or in one Python file.
func defines(t *testing.T, where, test string) bool {
	t.Helper()
	pattern, def := filepath.Join("../..", where, "*_test.go"), "func "+test+"("
	if strings.HasSuffix(where, ".py") {
		pattern, def = filepath.Join("../..", where), "def "+test+"("
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), def) {
			return true
		}
	}
	return false
}
