package submission

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

func readText(raw []byte) (string, error) {
	text, err := decode[string](raw, "want a text")
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", invalid("may not be empty")
	}
	return text, checkText(text, MaxText)
}

// checkText refuses what would disturb a terminal, a log line or a page that
// shows it: control characters, line separators, and marks that turn the
// direction of writing.
func checkText(text string, most int) error {
	if len(text) > most {
		return invalid(fmt.Sprintf("at most %d bytes", most))
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, disturbing) {
		return invalid("only printable characters, as valid UTF-8, without line breaks")
	}
	return nil
}

func disturbing(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

func readPath(raw []byte) (string, error) {
	text, err := decode[string](raw, "want an absolute path")
	if err != nil {
		return "", err
	}
	return text, checkPath(text)
}

// checkPath wants the shortest form of an absolute path, so that equal paths
// are equal texts.
func checkPath(p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || checkText(p, MaxPath) != nil {
		return invalid("want an absolute path without .. and without a slash at the end")
	}
	return nil
}
