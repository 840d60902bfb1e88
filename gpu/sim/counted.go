package sim

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/gpu"
)

// counted makes the devices of "8", "8xH100" or "4xH100+4xA100": healthy, and
// used by nobody.
func counted(spec, seed string) (*lab, error) {
	l := &lab{driver: driver{load: firstLoad}}
	for part := range strings.SplitSeq(spec, "+") {
		n, m, err := readCount(part)
		if err != nil {
			return nil, err
		}
		if len(l.devices)+n > gpu.MaxFixed {
			return nil, fmt.Errorf("more than %d devices", gpu.MaxFixed)
		}
		for range n {
			l.devices = append(l.devices, plain(m, len(l.devices), seed))
		}
	}
	return l, nil
}

func readCount(part string) (int, model, error) {
	number, name, named := strings.Cut(part, "x")
	if !named {
		name = defaultModel
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > gpu.MaxFixed {
		return 0, model{}, fmt.Errorf("want a number from 1 to %d, got %q; a file is named with a slash or its ending, as ./lab.yaml", gpu.MaxFixed, number)
	}
	m, ok := findModel(name)
	if !ok {
		return 0, m, fmt.Errorf("no model %q, known are %s; a file can describe any other", name, modelNames())
	}
	return n, m, nil
}

// plain is the device at index i of those that are only counted.
func plain(m model, i int, seed string) device {
	name := strconv.Itoa(i)
	d := device{name: name, Device: gpu.Device{
		UUID: gpu.DerivedUUID("SIM", seed, name), Index: i, Kind: gpu.KindSim,
		Model: labelled(m.name), Memory: m.memory, ComputeCapability: m.cc, PCI: fmt.Sprintf("%04x:%02x:00.0", i>>8, i&0xff),
	}}
	d.sample.UUID = d.UUID
	return d
}
