package agent

import (
	"regexp"
	"time"
)

// awayAgain is how often the same cause of an outage is told again: each job of a host has
// a log of its own and tells for itself.
const awayAgain = 5 * time.Minute

// numbers vary from one try to the next, as the port from which it went.
var numbers = regexp.MustCompile(`[0-9]+`)

// outage is a trouble that is told of when it begins, when its cause is another one, every
// awayAgain, and when it is over, and not each time in between. The zero value is none.
type outage struct {
	since time.Time
	told  troubles // by cause, as causes may alternate
}

// fails takes in a failure, and reports whether it is to be told now.
func (o *outage) fails(err error, now time.Time) bool {
	if o.since.IsZero() {
		o.since, o.told = now, troubles{}
	}
	return o.told.due(numbers.ReplaceAllString(err.Error(), "#"), awayAgain, now)
}

// ends takes in a success, and reports for how long there had been none, if any failed.
func (o *outage) ends(now time.Time) (lasted time.Duration, was bool) {
	if o.since.IsZero() {
		return 0, false
	}
	lasted = now.Sub(o.since)
	o.since = time.Time{}
	return lasted, true
}
