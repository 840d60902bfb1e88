package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPredecessorPage: each command of ours on the page for those who come from
// the predecessor exists, with the flags that are named with it, and so does each path.
func TestPredecessorPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/predecessor.md")
	if err != nil {
		t.Fatal(err)
	}
	paths := describedPaths(t)
	ourPath := regexp.MustCompile(`^(GET|POST|PUT|DELETE) (/[^? ]*)`)
	commands, routes := 0, 0
	for _, code := range ourCells(string(text)) {
		if words, ok := strings.CutPrefix(code, "mlq "); ok {
			commands++
			wantCommand(t, words)
		}
		if path := ourPath.FindStringSubmatch(code); path != nil {
			routes++
			if !paths[unnamed(path[1]+" "+path[2])] {
				t.Errorf("there is no route %s", path[0])
			}
		}
	}
	if commands < 12 || routes < 12 {
		t.Errorf("only %d commands and %d routes were found", commands, routes)
	}
}

// describedPaths are those of the contract, which is compared with the routes
// (api.TestOpenAPIMatchesRoutes).
func describedPaths(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	paths, at := map[string]bool{}, ""
	line := regexp.MustCompile(`(?m)^(?:  (/\S*)|    (get|post|put|delete|patch)):$`)
	for _, m := range line.FindAllStringSubmatch(string(text), -1) {
		if m[1] != "" {
			at = m[1]
			continue
		}
		paths[unnamed(strings.ToUpper(m[2])+" "+at)] = true
	}
	return paths
}

// unnamed leaves out how the parts of a path are called.
func unnamed(path string) string { return regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "{}") }

// ourCells is the code in the second column and after it of all tables.
func ourCells(page string) (codes []string) {
	code := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) < 2 {
			continue
		}
		for _, m := range code.FindAllStringSubmatch(strings.Join(cells[1:], " "), -1) {
			codes = append(codes, m[1])
		}
	}
	return codes
}

// wantCommand asserts that a command of ours has the flags that stand after it.
func wantCommand(t *testing.T, words string) {
	t.Helper()
	cmd, _, err := newRoot(streams{}).Find(strings.Fields(words))
	if err != nil || cmd.Name() == "mlq" {
		t.Errorf("there is no command mlq %s", words)
		return
	}
	for word := range strings.FieldsSeq(words) {
		name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if strings.HasPrefix(word, "--") && cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
			t.Errorf("mlq %s: there is no --%s", words, name)
		}
	}
}
