// Package sim is the provider of simulated devices. They compute nothing; what
// it says of them is what its spec or its file says, never more: no reading is
// made up. A file may be changed while it is in use, so that foreign processes,
// lost GPUs and sick ones can be had on any machine.
package sim

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
)

// Options of the provider.
type Options struct {
	// Seed is the agent's random id (gpu.Seed), from which the UUIDs are derived
	// that the file does not give.
	Seed string
	// Log hears of changes of the file, and of mistakes in it.
	Log zerolog.Logger
}

// Open gives the devices that the value of --gpus names after "sim:": "8",
// "8xH100", "4xH100+4xA100" or the path of a file. An error says what would be
// right, and in which line.
func Open(spec string, o Options) (gpu.Provider, error) {
	if isPath(spec) {
		return openFile(spec, o)
	}
	l, err := counted(spec, o.Seed)
	if err != nil {
		return nil, fmt.Errorf("devices %q: %w", "sim:"+spec, err)
	}
	return newProvider(l, nil, o.Log), nil
}

// isPath tells a file from a count of devices, which has none of these.
func isPath(spec string) bool { return strings.ContainsAny(spec, "/.") }

func openFile(path string, o Options) (gpu.Provider, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("file of simulated devices: %w", err)
	}
	f := &file{path: path}
	text, _, err := f.look(context.Background())
	if err != nil {
		return nil, fmt.Errorf("file of simulated devices: %w", err)
	}
	l, err := parse(text, o.Seed)
	if err == nil && len(l.devices) == 0 {
		err = errors.New("it describes no device")
	}
	if err != nil {
		return nil, fmt.Errorf("file of simulated devices: %s: %w", path, err)
	}
	return newProvider(l, &reader{file: f, seed: o.Seed}, o.Log), nil
}
