package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named is a test that a page names: a folder of Go or a file of Python, and the
// function.
var named = regexp.MustCompile("`([a-z0-9/_.]+) ((?:Test|test_)\\w+)`")

// TestProof: docs/proof.md names tests, and no fault has none.
func TestProof(t *testing.T) {
	text, err := os.ReadFile("../../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := named.FindAllStringSubmatch(string(text), -1)
	if len(tests) < 40 {
		t.Fatalf("only %d tests are named: has the way of naming changed?", len(tests))
	}
	_, faults, _ := strings.Cut(string(text), "| fault | tests |\n|---|---|\n")
	for row := range strings.Lines(faults) {
		if !named.MatchString(row) {
			t.Errorf("docs/proof.md names no test for this fault: %s", row)
		}
	}
}

// TestProofExists: each test that any page names exists.
func TestProofExists(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := filepath.Glob("../../docs/decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(append(pages, "../../SECURITY.md"), decisions...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			if !defines(t, m[1], m[2]) {
				t.Errorf("%s names %s, which %s does not have", page, m[2], m[1])
			}
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
