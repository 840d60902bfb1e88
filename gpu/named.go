package gpu

import (
	"fmt"
	"strconv"
	"strings"
)

// Find gives the device that a person means by its UUID, its index, or its PCI
// address as any tool writes it (0000:65:00.0, 00000000:65:00.0, 65:00.0).
// The error says what there is.
func Find(devices []Device, name string) (Device, error) {
	index, err := strconv.Atoi(name)
	isIndex := err == nil
	for _, d := range devices {
		if d.UUID == name || isIndex && d.Index == index || d.PCI != "" && PlainPCI(d.PCI) == PlainPCI(name) {
			return d, nil
		}
	}
	if strings.Contains(name, `\x2d`) {
		return Device{}, fmt.Errorf(`device %q: write it as it is, with its dashes, not as systemd-escape does`, name)
	}
	return Device{}, fmt.Errorf("there is no device %q; by index, UUID or PCI address there are %s", name, inWords(devices))
}

// PlainPCI is a PCI address in lower case without the zeros of its domain, which
// tools write with four digits, with eight, or not at all.
func PlainPCI(address string) string {
	a := strings.ToLower(address)
	if strings.Count(a, ":") == 1 {
		a = "0:" + a
	}
	domain, rest, _ := strings.Cut(a, ":")
	return strings.TrimLeft(domain, "0") + ":" + rest
}

func inWords(devices []Device) string {
	words := make([]string, 0, len(devices))
	for _, d := range devices {
		w := fmt.Sprintf("%d (%s", d.Index, d.UUID)
		if d.PCI != "" {
			w += ", " + d.PCI
		}
		words = append(words, w+")")
	}
	const most = 16
	if len(words) > most {
		words = append(words[:most], fmt.Sprintf("and %d more", len(words)-most))
	}
	return strings.Join(words, ", ")
}
