package main

import (
	"regexp"
	"slices"
	"strings"
)

// setting is a line NAME=VALUE of a file that people edit too.
type setting struct{ name, value string } // value "": the line goes

// settingName finds the name in a line, and whether it is commented out.
var settingName = regexp.MustCompile(`^\s*(#?)\s*([A-Za-z_]+)\s*=`)

// setLines changes settings in the text of a file and leaves all other lines as
// they are. A setting takes the place of its line, else of one that is
// commented out, else it comes last. write is how a setting stands in the file.
func setLines(text string, settings []setting, write func(setting) string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if text == "" {
		lines = nil
	}
	for _, s := range settings {
		lines = s.into(lines, write)
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func (s setting) into(lines []string, write func(setting) string) []string {
	at := -1
	for i, line := range lines {
		if commented, ours := s.isIn(line); ours && !commented {
			at = i
			break
		}
	}
	if s.value == "" {
		return slices.DeleteFunc(lines, func(line string) bool { commented, ours := s.isIn(line); return ours && !commented })
	}
	if at < 0 {
		at = slices.IndexFunc(lines, func(line string) bool { _, ours := s.isIn(line); return ours })
	}
	if at < 0 {
		return append(lines, write(s))
	}
	lines[at] = write(s)
	rest := slices.DeleteFunc(lines[at+1:], func(line string) bool { commented, ours := s.isIn(line); return ours && !commented })
	return append(lines[:at+1], rest...)
}

func (s setting) isIn(line string) (commented, ours bool) {
	found := settingName.FindStringSubmatch(line)
	return found != nil && found[1] != "", found != nil && found[2] == s.name
}
