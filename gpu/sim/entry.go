package sim

import (
	"maps"
	"regexp"

	"go.yaml.in/yaml/v4"

	"github.com/mlq-dev/mlq/gpu"
)

var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	uuidForm = regexp.MustCompile(`^SIM-[A-Za-z0-9-]{1,60}$`)
	pciForm  = regexp.MustCompile(`^([0-9A-Fa-f]{4,8}:)?[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7]$`)
)

const (
	wantName = "letters, digits, dot, dash and underscore, at most 64"
	wantUUID = "SIM- and letters, digits and dashes, at most 60"
	wantPCI  = "a PCI address as 0000:65:00.0"
	// mostSlices is more than any GPU can be cut into.
	mostSlices = 16
)

// entry is a GPU, or a slice of one, as it stands in the file.
type entry struct {
	node    *yaml.Node
	name    string
	model   string
	profile string
	device  gpu.Device
	state   state
}

// identity are the fields of what a GPU is.
func (e *entry) identity() fields {
	return fields{
		"name": matching(&e.name, nameForm, wantName), "uuid": matching(&e.device.UUID, uuidForm, wantUUID),
		"pci": matching(&e.device.PCI, pciForm, wantPCI), "model": words(&e.model), "memory": size(&e.device.Memory),
		"cc": capability(&e.device.ComputeCapability), "display": flag(&e.device.Display),
	}
}

// device reads an entry of the list of devices.
func (b *builder) device(n *yaml.Node) error {
	e := entry{node: n, device: gpu.Device{Kind: gpu.KindSim}}
	var slices *yaml.Node
	f := e.identity()
	maps.Copy(f, e.state.fields())
	maps.Copy(f, e.state.use())
	f["slices"] = later(&slices)
	if err := f.read(n); err != nil {
		return err
	}
	if err := e.card(); err != nil {
		return err
	}
	if err := b.enter(&e, e.name, slices != nil); err != nil {
		return err
	}
	b.gpus++
	b.tell(e.device.UUID, -1, -1, e.state.xids)
	if slices == nil {
		return b.offer(&e, e.name)
	}
	if err := b.cut(&e, slices); err != nil {
		return inside("slices", err)
	}
	return nil
}

// card fills in what the model says.
func (e *entry) card() error {
	if e.model == "" {
		return wrong(e.node, "it needs a model: one of %s, or any other name", modelNames())
	}
	e.device.Model = labelled(e.model)
	if m, known := findModel(e.model); known {
		e.device.Model = labelled(m.name)
		e.device.Memory = orElse(e.device.Memory, m.memory)
		e.device.ComputeCapability = orElse(e.device.ComputeCapability, m.cc)
	}
	if e.device.Memory == 0 {
		return wrong(e.node, "model %s is not known (known are %s): it needs its memory", quoted(e.model), modelNames())
	}
	return nil
}

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

// enter gives the entry its UUID, and sees to it that nobody else has its name,
// UUID or address.
func (b *builder) enter(e *entry, name string, sliced bool) error {
	if e.name == "" {
		return wrong(e.node, "it needs a name: its UUID comes from it")
	}
	if other := b.names[name]; other != nil {
		return wrong(e.node, "the name %s is also in line %d", name, other.line)
	}
	e.device.UUID = orElse(e.device.UUID, gpu.DerivedUUID("SIM", b.seed, name))
	b.names[name] = &place{line: e.node.Line, uuid: e.device.UUID, sliced: sliced}
	if err := claim(b.uuids, e.device.UUID, "the UUID "+e.device.UUID, e.node); err != nil || e.device.PCI == "" || e.device.Parent != "" {
		return err
	}
	return claim(b.pcis, gpu.PlainPCI(e.device.PCI), "the PCI address "+e.device.PCI, e.node)
}

// offer adds the entry to what can be leased.
func (b *builder) offer(e *entry, name string) error {
	sample, err := e.state.finished(e.node, &e.device)
	if err != nil {
		return err
	}
	if len(b.lab.devices) == gpu.MaxFixed {
		return wrong(e.node, "more than %d devices and slices", gpu.MaxFixed)
	}
	e.device.Index = len(b.lab.devices)
	b.lab.devices = append(b.lab.devices, device{Device: e.device, name: name, sample: sample, hang: e.state.hang})
	return nil
}

// cut reads the slices of a GPU, which itself is no device then.
func (b *builder) cut(parent *entry, slices *yaml.Node) error {
	s := &parent.state
	if s.used != nil || len(s.sample.Processes) > 0 || s.sample.Readings.Utilization != nil {
		return wrong(slices, "who uses a GPU that is cut into slices is said of its slices")
	}
	if err := list(mostSlices, func(n *yaml.Node) error { return b.slice(parent, n) })(slices); err != nil {
		return err
	}
	if len(slices.Content) == 0 {
		b.lab.bare = append(b.lab.bare, parent.name)
	}
	return nil
}

// slice reads one slice. It has of its GPU what it does not say itself.
func (b *builder) slice(parent *entry, n *yaml.Node) error {
	e := entry{node: n, device: parent.device, state: parent.state}
	e.device.UUID, e.device.Memory, e.device.Parent, e.state.xids = "", 0, parent.device.UUID, nil
	e.device.Minor = b.gpus - 1
	f := fields{
		"name": matching(&e.name, nameForm, wantName), "uuid": matching(&e.device.UUID, uuidForm, wantUUID),
		"profile": words(&e.profile), "memory": size(&e.device.Memory),
		"gi": whole(&e.device.GI, 0, 1000), "ci": whole(&e.device.CI, 0, 1000),
	}
	maps.Copy(f, e.state.fields())
	maps.Copy(f, e.state.use())
	if err := f.read(n); err != nil {
		return err
	}
	if e.device.Memory == 0 {
		return wrong(n, "a slice needs its memory")
	}
	if e.device.Memory > parent.device.Memory {
		return wrong(n, "a slice of %d MiB of a GPU that has %d MiB", e.device.Memory>>20, parent.device.Memory>>20)
	}
	if e.profile != "" {
		e.device.Model = labelled(trimLabel(parent.device.Model) + " MIG " + e.profile)
	}
	name := parent.name + "/" + e.name
	if err := b.enter(&e, name, false); err != nil {
		return err
	}
	b.tell(parent.device.UUID, e.device.GI, e.device.CI, e.state.xids)
	return b.offer(&e, name)
}
