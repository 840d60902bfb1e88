package agent

import (
	"slices"
	"strconv"

	"github.com/mlq-dev/mlq/gpu"
)

// wanted are the devices that this agent is to offer: those that were named, by
// index, UUID or PCI address, or all. A name is resolved once, by the first list:
// an index means the card that had it then, a UUID that card or its slices, a PCI
// address whatever is in that place.
type wanted struct {
	names    []string // nil: all devices
	resolved bool
	cards    []card
}

// card is what a name means.
type card struct{ uuid, pci string } // one of them

// resolve finds what the names mean. The error says what there is.
func (w *wanted) resolve(devices []gpu.Device) error {
	if w.resolved {
		return nil
	}
	var cards []card
	for _, name := range w.names {
		c, err := cardOf(devices, name)
		if err != nil {
			return err
		}
		cards = append(cards, c)
	}
	w.cards, w.resolved = cards, true
	return nil
}

func cardOf(devices []gpu.Device, name string) (card, error) {
	if slices.ContainsFunc(devices, func(d gpu.Device) bool { return d.Parent != "" && d.Parent == name }) {
		return card{uuid: name}, nil // a GPU in slices
	}
	d, err := gpu.Find(devices, name)
	if err != nil {
		return card{}, err
	}
	if _, err := strconv.Atoi(name); err != nil && d.UUID != name {
		return card{pci: d.PCI}, nil
	}
	return card{uuid: d.UUID}, nil
}

// of narrows a list down to what is wanted.
func (w *wanted) of(devices []gpu.Device) (chosen []gpu.Device) {
	for _, d := range devices {
		if len(w.names) == 0 || slices.ContainsFunc(w.cards, func(c card) bool { return c.has(&d) }) {
			chosen = append(chosen, d)
		}
	}
	return chosen
}

func (c card) has(d *gpu.Device) bool {
	if c.pci != "" {
		return d.PCI == c.pci
	}
	return d.UUID == c.uuid || d.Parent == c.uuid
}
