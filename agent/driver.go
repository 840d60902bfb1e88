package agent

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
)

// driver is what the provider as a whole last said. Safe for concurrent use.
type driver struct {
	mu         sync.Mutex
	links      []gpu.Link
	generation uint64    // against which all health was compared
	lost       string    // a warning of the agent's own, set before anybody reads
	why        string    // it cannot tell the devices; "" while it can
	listed     bool      // it has told them since the agent started
	answers    time.Time // since when it has not failed to; zero while it cannot
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
	if d.answers.IsZero() {
		d.answers = time.Now()
	}
	return another
}

// told notes that the devices are known: this agent has had a list.
func (d *driver) told() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listed = true
}

// unlisted is why the devices are not known yet; "" where they are: these many.
func (d *driver) unlisted(devices int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return unlisted(d.listed, strings.TrimSpace(d.why), devices, time.Since(d.answers))
}

const (
	listsNone = "the driver lists none"
	// noneYet is how long a driver that lists no device may be one that still starts.
	noneYet = 5 * time.Minute
)

// unlisted is why it is not known yet which devices there are, "" where it is: no
// list was had since the start (listed), there is none now for what the driver says
// (why), or nothing is on it, as early in a boot. After noneYet that is the answer.
// What is remembered of an earlier run may not be all.
func unlisted(listed bool, why string, devices int, answers time.Duration) string {
	switch {
	case why != "" && (!listed || devices == 0):
		return why
	case devices == 0 && answers < noneYet:
		return listsNone
	}
	return ""
}

// cannot takes in that there was no list. Each reason is logged once.
func (d *driver) cannot(err error, log zerolog.Logger) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.why != err.Error() {
		log.Warn().Err(err).Msg("cannot tell which devices there are, asking again")
	}
	d.why, d.answers = err.Error(), time.Time{}
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
