package agent

import "time"

// outage is a trouble that is told of when it begins and when it is over, and not each
// time in between. The zero value is none.
type outage struct{ since time.Time }

// begins takes in a failure, and reports whether it is the first.
func (o *outage) begins(now time.Time) bool {
	first := o.since.IsZero()
	if first {
		o.since = now
	}
	return first
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
