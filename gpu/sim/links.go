package sim

import (
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/mlq-dev/mlq/gpu"
)

const mostLinks = 1024

var levels = map[string]gpu.Level{
	"internal": gpu.LevelInternal, "single": gpu.LevelSingle, "multiple": gpu.LevelMultiple,
	"host-bridge": gpu.LevelHostBridge, "node": gpu.LevelNode, "system": gpu.LevelSystem,
}

// link reads a group of GPUs, any two of which are equally near.
func (b *builder) link(n *yaml.Node) error {
	var between []*place
	var nvlinks int
	level := gpu.LevelSystem
	err := fields{
		"between": list(64, func(n *yaml.Node) error { return b.end(n, &between) }),
		"nvlinks": whole(&nvlinks, 0, 1000),
		"level":   oneOf(&level, "internal, single, multiple, host-bridge, node or system", levels),
	}.read(n)
	switch {
	case err != nil:
		return err
	case len(between) < 2:
		return wrong(n, "want at least two devices in between")
	}
	for i, a := range between {
		for _, z := range between[i+1:] {
			b.join(gpu.Link{A: a.uuid, B: z.uuid, NVLinks: nvlinks, Level: level})
		}
	}
	if len(b.lab.links) > mostPairs {
		return wrong(n, "more than %d pairs are linked", mostPairs)
	}
	return nil
}

// mostPairs bounds what a host reports: all pairs of 64 GPUs.
const mostPairs = 64 * 63 / 2

// end reads one end of a link.
func (b *builder) end(n *yaml.Node, between *[]*place) error {
	name, ok := scalar(n)
	p := b.names[name]
	switch {
	case !ok || p == nil:
		return wrong(n, "no device has the name %s", quoted(name))
	case p.sliced:
		return wrong(n, "%s is cut into slices, which have no links", name)
	case slices.Contains(*between, p):
		return wrong(n, "%s stands twice", name)
	}
	*between = append(*between, p)
	return nil
}

// join adds a link. Of several that name the same two, the nearest counts.
func (b *builder) join(l gpu.Link) {
	if l.A > l.B {
		l.A, l.B = l.B, l.A
	}
	pair := [2]string{l.A, l.B}
	i, known := b.pairs[pair]
	if !known {
		b.pairs[pair] = len(b.lab.links)
		b.lab.links = append(b.lab.links, l)
		return
	}
	old := &b.lab.links[i]
	old.NVLinks, old.Level = max(old.NVLinks, l.NVLinks), min(old.Level, l.Level)
}
