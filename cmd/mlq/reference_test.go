package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "rewrite the part of docs/reference.md that lists commands and flags")

const (
	referencePath = "../../docs/reference.md"
	partBegins    = "<!-- commands: written by go test ./cmd/mlq -run TestReference -update -->\n"
	partEnds      = "<!-- end of commands -->\n"
)

// TestReference: docs/reference.md lists every command, flag and variable.
func TestReference(t *testing.T) {
	text, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), partBegins)
	part, after, ok2 := strings.Cut(rest, partEnds)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks of its part about commands", referencePath)
	}
	want := commandsPart(newRoot(stdio()))
	if *update {
		if err := os.WriteFile(referencePath, []byte(before+partBegins+want+partEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if part != want {
		t.Errorf("%s does not list the commands as they are; rewrite it with: go test ./cmd/mlq -run TestReference -update", referencePath)
	}
}

// TestVariablesAreDocumented: those that are no flag's, too.
func TestVariablesAreDocumented(t *testing.T) {
	text, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range otherVariables {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("%s does not tell of %s", referencePath, name)
		}
	}
}

// commandsPart writes one table per command that has flags, the same flags of
// several commands once.
func commandsPart(root *cobra.Command) string {
	var b strings.Builder
	walk(root, func(cmd *cobra.Command) {
		if cmd == root || cmd.Hidden || !cmd.Runnable() {
			return
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s.\n", cmd.UseLine(), strings.TrimSuffix(cmd.Short, "."))
		rows := flagRows(cmd)
		if len(rows) > 0 {
			fmt.Fprintf(&b, "\n| flag | variable | default | meaning |\n|---|---|---|---|\n%s", strings.Join(rows, ""))
		}
	})
	return b.String() + "\n"
}

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		walk(child, visit)
	}
}

func flagRows(cmd *cobra.Command) (rows []string) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		name, variable := "`--"+f.Name+"`", strings.Join(f.Annotations[variableOf], " ")
		if f.Shorthand != "" {
			name += " `-" + f.Shorthand + "`"
		}
		meaning := strings.TrimSuffix(f.Usage, " ("+variable+")")
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |\n", name, quoted(variable), quoted(defaultOf(f)), meaning))
	})
	return rows
}

// defaultOf is a flag's default where it is the same for everybody.
func defaultOf(f *pflag.Flag) string {
	switch {
	case f.Name == "data":
		return ""
	case f.DefValue == "false", f.DefValue == "[]", f.DefValue == "0":
		return ""
	}
	return f.DefValue
}

func quoted(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
