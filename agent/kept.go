package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/sealed"
)

// keptFile is what the agent knows over a restart, of its devices' health above
// all: for a card that was found sick is not well because a process was started anew.
const keptFile = "devices.json"

// kept is the file's content.
type kept struct {
	// Provider is the kind of provider that listed the devices; "": not told, as in
	// files of before it was.
	Provider string       `json:"provider,omitempty"`
	Devices  []keptDevice `json:"devices"`
	// Detached: who had taken the driver away, "" if nobody had.
	Detached string `json:"detached,omitempty"`
	// Joined is which process of which name the folder's last agent was; nil: it never joined.
	Joined *keptName `json:"joined,omitempty"`
}

type keptDevice struct {
	Device gpu.Device `json:"device"`
	Health gpu.Health `json:"health"`
	// Reset is the last order to reset the health that was obeyed.
	Reset time.Time `json:"reset,omitzero"`
}

// keepAgain is the pause before a file that could not be written is tried again.
const keepAgain = 10 * time.Second

// errDamaged: the file is there, and cannot be read as what it should be.
var errDamaged = errors.New("damaged")

// readKept reads the file; no file is nothing kept.
func readKept(dir string) (k kept, err error) {
	path := filepath.Join(dir, keptFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, fmt.Errorf("what is known of the devices: %w", err)
	}
	text, _, err = sealed.Unseal(text)
	if err == nil {
		err = json.Unmarshal(text, &k) //nolint:musttag // package gpu names its fields by themselves
	}
	if err != nil {
		return kept{}, fmt.Errorf("%s is %w: %w", path, errDamaged, err)
	}
	return k, nil
}

// write puts the file in its place in one step.
func (k kept) write(dir string) error {
	text, err := json.MarshalIndent(k, "", "  ") //nolint:musttag // as in readKept
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, keptFile), sealed.Seal(append(text, '\n')))
}

// replaceFile writes beside and renames, so that a crash leaves the old file or
// the new one.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// restore reads what is kept. A damaged file is put aside and the devices start
// as healthy: what is still wrong with one, its driver says again; what it does
// not say again is lost, which the log and the file say. A host that took no job
// because of one bad block would be the worse end.
func (a *Agent) restore() (kept, error) {
	k, err := readKept(a.opts.DataDir)
	if !errors.Is(err, errDamaged) {
		return k, err
	}
	path := filepath.Join(a.opts.DataDir, keptFile)
	aside := path + ".damaged"
	if moveErr := os.Rename(path, aside); moveErr != nil {
		return k, errors.Join(err, moveErr)
	}
	a.opts.Log.Error().Err(err).Str("kept_as", aside).Msg("what was known of the devices' health is lost: all count as healthy until the driver says otherwise")
	a.driver.lost = "what was known of the devices' health was lost at the last start: " + err.Error()
	return kept{}, nil
}

// keepLoop writes what has changed, soon after it did.
func (a *Agent) keepLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.fleet.unkept:
		}
		if err := a.keep(); err != nil {
			a.warn(ctx, err, "cannot keep what is known of the devices' health, trying again")
			a.fleet.unkept.wake()
			sleep(ctx, keepAgain)
		}
	}
}

// keep writes what is known now.
func (a *Agent) keep() error {
	k := a.fleet.kept()
	k.Provider = a.opts.ProviderKind
	k.Joined = &keptName{a.opts.Name, a.epoch.Load()}
	return k.write(a.opts.DataDir)
}

// ofProvider: the devices may be there under a provider of this kind. Those of another
// kind never are: only what runs in their slots is looked for (findRelics).
func (k *kept) ofProvider(kind string) bool {
	return k.Provider == "" || kind == "" || k.Provider == kind
}

// kept is what is to be written now of the devices.
func (f *fleet) kept() (k kept) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k.Detached = f.detached
	for _, uuid := range f.order {
		d := f.devices[uuid]
		k.Devices = append(k.Devices, keptDevice{Device: d.Device, Health: d.evidence.Health, Reset: d.obeyed})
	}
	return k
}

// remember takes over what was kept. Devices that no list has had yet are known
// from then on, so that they are shown while the driver cannot be asked.
func (f *fleet) remember(k kept, c gpu.Clock, alsoUnlisted bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.detached = k.Detached
	for _, one := range k.Devices {
		d := f.devices[one.Device.UUID]
		if d == nil && !alsoUnlisted {
			continue
		}
		if d == nil {
			d = f.add(one.Device)
			d.remembered = true
		}
		d.evidence.Health, d.obeyed = one.Health.Start(c), one.Reset
		d.evidence.Detached = f.detached
	}
}
