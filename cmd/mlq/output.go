package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// outputFlag defines -o. Tables are for people and may change; JSON is the
// API's own and does not.
func outputFlag(cmd *cobra.Command) *string {
	o := format("table")
	cmd.Flags().VarP(&o, "output", "o", `"table" for people or "json" for programs`)
	return (*string)(&o)
}

// format is the value of -o.
type format string

// Set implements pflag.Value.
func (f *format) Set(text string) error {
	if text != "table" && text != "json" {
		return fmt.Errorf("want table or json")
	}
	*f = format(text)
	return nil
}

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *format) Type() string { return "format" }

// table is rows under headings. Rows are short; each cell is one line.
type table struct {
	head  []string
	rows  [][]string
	empty string         // what to say instead of a table without rows
	foot  string         // a line below the rows; "": none
	notes map[int]string // by row: what stands below it, in lines of at most noteWidth
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// note adds to the last row what is too long for a column; "": nothing.
func (t *table) note(text string) {
	if text == "" {
		return
	}
	if t.notes == nil {
		t.notes = map[int]string{}
	}
	t.notes[len(t.rows)-1] = text
}

// print writes the table in columns.
func (t *table) print(w io.Writer) error {
	if len(t.rows) == 0 {
		_, err := fmt.Fprintln(w, t.empty)
		return err
	}
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.head}, t.rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = harmless(cell)
		}
		fmt.Fprintln(columns, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, t.finish(text.String()))
	return err
}

// finish adds the notes and the foot. Each row is one line.
func (t *table) finish(text string) string {
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		out.WriteString(line + "\n")
		if note := t.notes[i-1]; note != "" {
			out.WriteString(indented(harmless(note)))
		}
	}
	if t.foot != "" {
		out.WriteString(t.foot + "\n")
	}
	return out.String()
}

// noteWidth is how wide a terminal is expected to be, and noteIndent how far in
// a note stands.
const (
	noteWidth  = 120
	noteIndent = "    "
)

// indented breaks a text between words.
func indented(text string) string {
	var out strings.Builder
	line := noteIndent
	for i, word := range strings.Fields(text) {
		if i > 0 && utf8.RuneCountInString(line)+utf8.RuneCountInString(word)+1 > noteWidth {
			out.WriteString(line + "\n")
			line = noteIndent
		}
		if line != noteIndent {
			line += " "
		}
		line += word
	}
	return out.String() + line + "\n"
}

// harmless keeps what others wrote from steering a terminal: names and
// messages of jobs are shown without control characters.
func harmless(cell string) string {
	if cell == "" {
		return "-"
	}
	return visible(cell)
}

func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '·'
		}
		return r
	}, text)
}

// printJSON writes a value of the API for programs.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// show prints a value in the way that -o asks for.
func show(w io.Writer, output string, value any, people func() *table) error {
	if output == "json" {
		return printJSON(w, value)
	}
	return people().print(w)
}
