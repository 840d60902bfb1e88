// Package deploy holds the files with which MLQ runs as a service: systemd
// units and their settings. They lie here as an admin reads them, and in the
// binary, so that a host needs nothing else to install them.
//
// Which key stands in a unit and why says docs/systemd.md, which a test holds
// to the units.
package deploy

import (
	"embed"
	"fmt"
	"regexp"
	"strings"
)

//go:embed systemd env
var files embed.FS

// Binary is where the units look for mlq; Units takes another path.
const Binary = "/usr/local/bin/mlq"

// UnitFolder is where units of an admin belong, EnvFolder where they look for
// their settings and the agent's token (agent.token).
const (
	UnitFolder = "/etc/systemd/system"
	EnvFolder  = "/etc/mlq"
)

// File is one file to install.
type File struct {
	Name string // in its folder: "mlq-agent.service", "agent.env"
	Text []byte
}

// plainPath: systemd gives a meaning to blanks, quotes, percent signs and backslashes.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9/._+-]+$`)

// Units are the systemd units, which start the program at the path binary. It
// is an error if that is not absolute, or has characters that systemd reads
// as something else.
func Units(binary string) ([]File, error) {
	if !plainPath.MatchString(binary) {
		return nil, fmt.Errorf("path of the program %q: want an absolute path of letters, digits and /._+-", binary)
	}
	units := read("systemd")
	for i, u := range units {
		units[i].Text = []byte(strings.ReplaceAll(string(u.Text), "\nExecStart="+Binary+" ", "\nExecStart="+binary+" "))
	}
	return units, nil
}

// Env are the settings that the units read, all commented out.
func Env() []File { return read("env") }

// read gives the files of an embedded folder, by name.
func read(folder string) []File {
	entries, err := files.ReadDir(folder)
	if err != nil {
		panic(err) // it was embedded when this was built
	}
	list := make([]File, len(entries))
	for i, e := range entries {
		text, err := files.ReadFile(folder + "/" + e.Name())
		if err != nil {
			panic(err)
		}
		list[i] = File{e.Name(), text}
	}
	return list
}
