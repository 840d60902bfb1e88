package agent

import (
	"slices"
	"sync"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
)

// driver is what the provider as a whole last said. Safe for concurrent use.
type driver struct {
	mu         sync.Mutex
	links      []gpu.Link
	generation uint64 // against which all health was compared
	lost       string // a warning of the agent's own, set before anybody reads
	why        string // it cannot tell the devices; "" while it can
	listed     bool   // it has told them since the agent started
}

// can takes in that there was a list, and reports whether health is to be
// compared with another load of the driver.
func (d *driver) can(i gpu.Info, links []gpu.Link, log zerolog.Logger) (another bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.why != "" {
		log.Info().Msg("the devices can be listed again")
	}
	another = d.generation != i.Generation
	d.links, d.generation, d.why = links, i.Generation, ""
	return another
}

// told notes that the devices are known: this agent has had a list.
func (d *driver) told() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listed = true
}

// unlisted is why no list was had yet; "" where one was.
func (d *driver) unlisted() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listed {
		return ""
	}
	return d.why
}

// cannot takes in that there was no list. Each reason is logged once.
func (d *driver) cannot(err error, log zerolog.Logger) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.why != err.Error() {
		log.Warn().Err(err).Msg("cannot tell which devices there are, asking again")
	}
	d.why = err.Error()
}

func (d *driver) problem() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.why
}

// info is the provider's, with what the agent itself found out.
func (d *driver) info(i gpu.Info) gpu.Info {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i.Problem == "" {
		i.Problem = d.why
	}
	if d.lost != "" {
		i.Warnings = append(slices.Clone(i.Warnings), d.lost)
	}
	return i
}

// linksOf are those between devices of a list.
func (d *driver) linksOf(uuids map[string]bool) (links []gpu.Link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.links {
		if uuids[l.A] && uuids[l.B] {
			links = append(links, l)
		}
	}
	return links
}
