// Package pulse notices loops that hang: a loop beats at each round, and says
// how long the round may take. A round that fails is a round; only one that
// does not come is a loop that hangs.
//
// Times are the runtime's monotonic clock, which stands while the machine
// sleeps, as a service manager's watchdog does.
package pulse

import (
	"fmt"
	"sync"
	"time"
)

// Pulse watches the loops of one part. The zero value is ready, and safe for
// concurrent use.
type Pulse struct {
	mu    sync.Mutex
	loops map[string]beat
}

type beat struct {
	at     time.Time
	within time.Duration
}

// Beat begins a round of a loop, which has to begin its next one, or to End,
// within so long.
func (p *Pulse) Beat(loop string, within time.Duration) { p.beat(loop, within, time.Now()) }

func (p *Pulse) beat(loop string, within time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loops == nil {
		p.loops = map[string]beat{}
	}
	p.loops[loop] = beat{now, within}
}

// End forgets a loop that is over.
func (p *Pulse) End(loop string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.loops, loop)
}

// Stuck names a loop whose round has taken too long; nil: none has.
func (p *Pulse) Stuck() error { return p.stuck(time.Now()) }

func (p *Pulse) stuck(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for loop, b := range p.loops {
		if age := now.Sub(b.at); age > b.within {
			return fmt.Errorf("the loop %q has not gone round for %s, %s are its most", loop, age.Round(time.Millisecond), b.within)
		}
	}
	return nil
}
