package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/sealed"
)

// ErrOtherHost: the data folder belongs to another machine.
var ErrOtherHost = errors.New("the data folder is another host's")

// hostFile names the machine whose data folder it is. A folder on a shared home
// or in a copied disk image would give two machines the same device ids, and one
// the slots of the other.
const hostFile = "host.json"

// machine is the file's content.
type machine struct {
	ID   string `json:"id"`   // of /etc/machine-id
	Name string `json:"name"` // for people
}

// thisMachine reads the id that systemd gives a machine at its installation; ""
// where there is none, as in most containers.
func thisMachine(path string) (machine, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return machine{}, fmt.Errorf("id of this machine: %w", err)
	}
	name, err := os.Hostname()
	if err != nil {
		return machine{}, fmt.Errorf("name of this machine: %w", err)
	}
	id := strings.TrimSpace(string(text))
	if id == "uninitialized" {
		id = ""
	}
	return machine{ID: id, Name: name}, nil
}

// claimDataDir makes the folder this machine's, or says whose it is. A machine
// without an id can be told from no other, and is believed.
// A file that cannot be read says nothing; it is put aside, for whoever knows.
func claimDataDir(dir string, m machine, log zerolog.Logger) error {
	path := filepath.Join(dir, hostFile)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("data folder: %w", err)
	}
	if m.ID == "" {
		return nil
	}
	var owner machine
	if err == nil && !owner.read(text) {
		owner = machine{}
		aside := path + ".damaged"
		if err := os.Rename(path, aside); err != nil {
			return fmt.Errorf("data folder: %w", err)
		}
		log.Warn().Str("kept_as", aside).Msg("which machine's data folder this is cannot be read: it counts as this machine's")
	}
	if owner.ID != "" && owner.ID != m.ID {
		return fmt.Errorf("%w: %s was made on %s (machine id %s), and this is %s (%s); give each machine a folder of its own with --data; if the folder has moved here for good, remove %s",
			ErrOtherHost, dir, owner.Name, owner.ID, m.Name, m.ID, path)
	}
	if owner == m {
		return nil
	}
	text, err = json.Marshal(m)
	if err != nil {
		return err
	}
	if err := replaceFile(path, sealed.Seal(append(text, '\n'))); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// read reports whether text names a machine; none without an id was ever written.
func (m *machine) read(text []byte) bool {
	text, _, err := sealed.Unseal(text)
	return err == nil && json.Unmarshal(text, m) == nil && m.ID != ""
}
