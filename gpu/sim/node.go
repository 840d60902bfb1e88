package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A file is read node by node, not decoded into structures: so everything that
// is wrong is told with its line, a field that does not exist is a mistake, and
// aliases, which can make a small file a huge one, are not followed.

// mistake is what is wrong in a file, and where.
type mistake struct {
	line  int
	where string // "devices[3].memory"
	text  string
}

// Error names line and field.
func (m *mistake) Error() string {
	if m.where == "" {
		return fmt.Sprintf("line %d: %s", m.line, m.text)
	}
	return fmt.Sprintf("line %d: %s: %s", m.line, m.where, m.text)
}

func wrong(n *yaml.Node, format string, args ...any) error {
	return &mistake{line: n.Line, text: fmt.Sprintf(format, args...)}
}

// inside says in which part of the file a mistake is.
func inside(part string, err error) error {
	m, ok := errors.AsType[*mistake](err)
	if !ok {
		return err
	}
	if m.where != "" && m.where[0] != '[' {
		part += "."
	}
	return &mistake{m.line, part + m.where, m.text}
}

// setter reads a node into its place.
type setter func(*yaml.Node) error

// fields are those that a part of the file may have.
type fields map[string]setter

// read reads each field that is given, once.
func (f fields) read(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return wrong(n, "want fields with their values, of %s", f.names())
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		set := f[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || set == nil:
			return wrong(key, "no field %s here; there are %s", quoted(key.Value), f.names())
		case seen[key.Value]:
			return wrong(key, "%s stands twice", key.Value)
		}
		seen[key.Value] = true
		if err := set(value); err != nil {
			return inside(key.Value, err)
		}
	}
	return nil
}

func (f fields) names() string { return strings.Join(slices.Sorted(maps.Keys(f)), ", ") }

// list reads a list of at most so many.
func list(most int, each setter) setter {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.SequenceNode {
			return wrong(n, "want a list")
		}
		if len(n.Content) > most {
			return wrong(n, "want at most %d, here are %d", most, len(n.Content))
		}
		for i, item := range n.Content {
			if err := each(item); err != nil {
				return inside(fmt.Sprintf("[%d]", i), err)
			}
		}
		return nil
	}
}

// later keeps a node that can be read only when others are.
func later(to **yaml.Node) setter {
	return func(n *yaml.Node) error { *to = n; return nil }
}

// scalar is the text of a single value.
func scalar(n *yaml.Node) (string, bool) {
	return n.Value, n.Kind == yaml.ScalarNode && n.Tag != "!!null"
}

// quoted repeats what stands in a file, without what would harm a terminal or a log.
func quoted(text string) string {
	const most = 48
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("%+q", text)
}
