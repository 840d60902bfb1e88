package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"

	"github.com/mlq-dev/mlq/gpu"
)

// parse reads a file: YAML, of which JSON is a part. Its first mistake is the
// error, with its line.
func parse(text []byte, seed string) (*lab, error) {
	root, err := document(text)
	if err != nil {
		return nil, err
	}
	b := builder{seed: seed, lab: &lab{driver: driver{load: firstLoad}}, names: map[string]*place{}, uuids: map[string]int{}, pcis: map[string]int{}, pairs: map[[2]string]int{}}
	var devices, links *yaml.Node
	var xids []int
	f := fields{"driver": b.lab.driver.read, "devices": later(&devices), "links": later(&links), "xids": readXids(&xids)}
	if err := f.read(root); err != nil {
		return nil, err
	}
	if devices == nil {
		return nil, wrong(root, "no devices: want a list of them")
	}
	if err := list(gpu.MaxFixed, b.device)(devices); err != nil {
		return nil, inside("devices", err)
	}
	if links != nil {
		if err := list(mostLinks, b.link)(links); err != nil {
			return nil, inside("links", err)
		}
	}
	b.tell("", -1, -1, xids)
	return b.lab, nil
}

// document gives the one thing that a file has to hold.
func document(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		return nil, errors.New("it is empty")
	case err != nil:
		return nil, syntax(err, text)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("want one document, here are more")
	}
	return doc.Content[0], nil
}

// syntax is an error of the YAML reader: where it was found, and where the list
// or the quoted text began that has no end.
func syntax(err error, text []byte) error {
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		return err
	}
	line := at.Mark.Line
	if line == 0 { // what is no text has an offset only
		line = lines(text[:min(at.Mark.Index, len(text))])
	}
	line = min(line, lines(bytes.TrimRight(text, "\n"))) // the end is no line of its own
	said := fmt.Sprintf("line %d: %s", line, at.Message)
	if begin := at.ContextMark.Line; at.ContextMsg != "" && 0 < begin && begin < line {
		said += fmt.Sprintf(", in what begins in line %d", begin)
	}
	return errors.New(said)
}

// lines counts them, also a last one without its end.
func lines(text []byte) int { return 1 + bytes.Count(text, []byte("\n")) }

// read reads what is said of the driver.
func (d *driver) read(n *yaml.Node) error {
	load := int(d.load)
	err := fields{
		"version": words(&d.version), "cuda": words(&d.cuda), "down": words(&d.down), "hang": period(&d.hang),
		"load": whole(&load, 1, 1<<30),
		"warnings": list(16, func(n *yaml.Node) error {
			d.warnings = append(d.warnings, "")
			return words(&d.warnings[len(d.warnings)-1])(n)
		}),
	}.read(n)
	d.load = uint64(load)
	return err
}

// builder puts a lab together, and holds what must not stand twice.
type builder struct {
	seed  string
	lab   *lab
	gpus  int // so many were read
	names map[string]*place
	uuids map[string]int // the line in which it stands first
	pcis  map[string]int
	pairs map[[2]string]int // where their link is
}

// place is an entry that a link may name.
type place struct {
	line   int
	uuid   string
	sliced bool
}

// tell lists the Xids of a device, or of a slice of it.
func (b *builder) tell(uuid string, gi, ci int, xids []int) {
	for _, xid := range xids {
		b.lab.xids = append(b.lab.xids, gpu.Event{UUID: uuid, GI: gi, CI: ci, Xid: xid})
	}
}

// claim notes what only one may have.
func claim(taken map[string]int, key, what string, n *yaml.Node) error {
	if line, twice := taken[key]; twice {
		return wrong(n, "%s is also in line %d", what, line)
	}
	taken[key] = n.Line
	return nil
}
