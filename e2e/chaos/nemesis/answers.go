package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/world"
	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// How claims and finishes look on their way: the route of an agent over HTTP,
// and the event that the commit of one that speaks to the store appends.
var (
	claims   = map[faultproxy.Protocol]string{faultproxy.HTTP: "/claim HTTP/1.1", faultproxy.Redis: `"k":"leased"`}
	finishes = map[faultproxy.Protocol]string{faultproxy.HTTP: "/finish HTTP/1.1", faultproxy.Redis: `"k":"succeeded"`}
)

// claimUnheard is F8: the answers to one or two claims are lost.
func claimUnheard(d *draw) *strike { return unheard(d, claims) }

// finishUnheard is F9: those to one or two finishes are.
func finishUnheard(d *draw) *strike { return unheard(d, finishes) }

// unheard loses answers to what a host does, and waits for the first. Where TLS
// hides what that is, it loses some of all answers.
func unheard(d *draw, texts map[faultproxy.Protocol]string) *strike {
	h, n := d.host(), 1+d.r.IntN(2)
	links := d.from(h.Name)
	s := onLinks(h.Name, links, d.between(time.Second, 3*time.Second), nil)
	s.inject = func(ctx context.Context) error {
		before := lost(links)
		each(links, func(l *world.Link) {
			if text := texts[l.Protocol]; text != "" {
				l.LoseAnswerTo(text, n)
			} else if l.TLS {
				l.LoseOften(0.2)
			}
		})
		for until := time.Now().Add(10 * time.Second); lost(links) == before; {
			if !pause(ctx, 20*time.Millisecond) || time.Now().After(until) {
				return fmt.Errorf("%s has asked nothing", h.Name)
			}
		}
		return nil
	}
	return s
}

// lost is how many answers links have lost.
func lost(links []*world.Link) (n int) {
	each(links, func(l *world.Link) { n += l.Counts().Lost })
	return n
}

// twice is F10: every third request of a user, or of a host, or the scripts of a
// server, arrive once more, up to a lease later, when others have followed.
func twice(d *draw) *strike {
	from := []string{"client", d.host().Name, d.server().Name}[d.r.IntN(3)]
	late := d.between(0, d.timing.Expire)
	return onLinks(from, d.from(from), d.between(2*time.Second, 5*time.Second), func(l *world.Link) { l.DuplicateOften(0.33, late) })
}

// flipped is F29 on links of TLS, which find it: elsewhere a flipped bit is what
// TCP's checksums are for, and nobody's promise.
func flipped(d *draw) *strike {
	var links []*world.Link
	for _, l := range d.Links() {
		if l.TLS {
			links = append(links, l)
		}
	}
	if len(links) == 0 {
		return nil
	}
	l := links[d.r.IntN(len(links))]
	n := 1 + d.r.IntN(10)
	return onLinks(l.Name, []*world.Link{l}, d.between(time.Second, 3*time.Second), func(l *world.Link) { l.Flip(faultproxy.Both, n) })
}

// slow is F39, 200 ms ± 100 and 5 % loss in the times of the protocol, or a link
// that lets little through.
func slow(d *draw) *strike {
	from := []string{"client", d.host().Name, d.server().Name}[d.r.IntN(3)]
	latency := faultproxy.Latency{
		Mean: 200 * time.Millisecond / time.Duration(d.scale), Jitter: 100 * time.Millisecond / time.Duration(d.scale), Loss: 0.05,
	}
	rate := 0
	if d.r.IntN(3) == 0 {
		rate = 20_000 + d.r.IntN(100_000)
	}
	return onLinks(from, d.from(from), d.between(2*time.Second, 5*time.Second), func(l *world.Link) {
		l.Delay(faultproxy.Both, latency)
		l.Throttle(faultproxy.Both, rate)
	})
}
