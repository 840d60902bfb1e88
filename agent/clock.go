package agent

import (
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

const (
	// clockTolerance is how far two clocks may be apart before it is worth a word.
	clockTolerance = 2 * time.Second
	// clockNews is by how much the difference must change to be told again.
	clockNews = 2 * time.Second
)

// wallClock knows how far the host's clock is from the store's. No lease depends
// on it (belief counts on CLOCK_BOOTTIME, the store on its own clock); what
// people see, and certificates, do.
type wallClock struct {
	now   func() time.Time
	ahead atomic.Int64 // ns, in whole seconds
}

// compare takes in that what was sent at a time was answered after so long with
// the store's time.
func (c *wallClock) compare(sent time.Time, took time.Duration, theirs time.Time, log zerolog.Logger) {
	before := time.Duration(c.ahead.Load())
	now := aheadOf(sent, took, theirs)
	if (now == 0) == (before == 0) && (now-before).Abs() < clockNews {
		return
	}
	c.ahead.Store(int64(now))
	if now == 0 {
		log.Info().Msg("this host's clock agrees with the server's again")
		return
	}
	log.Warn().Str("clock", clockWords(now)).Time("here", c.now()).Time("there", theirs).Msg(
		"this host's clock and the server's differ: leases are not harmed, they count on a clock that nobody sets; certificates may be refused, and run_at and the times shown are the server's")
}

// aheadOf is pure: how far the clock that showed sent is ahead of the one that
// showed theirs somewhere between sending and answer; 0 where that time and the
// tolerance may explain it.
func aheadOf(sent time.Time, took time.Duration, theirs time.Time) time.Duration {
	middle := sent.Round(0).Add(took / 2)
	ahead := middle.Sub(theirs)
	if ahead.Abs() <= clockTolerance+took/2 {
		return 0
	}
	return ahead.Round(time.Second)
}

func clockWords(ahead time.Duration) string {
	if ahead < 0 {
		return (-ahead).String() + " behind"
	}
	return ahead.String() + " ahead"
}

// difference is how far the host's clock is ahead, 0 within the tolerance.
func (c *wallClock) difference() time.Duration { return time.Duration(c.ahead.Load()) }
