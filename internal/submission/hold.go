package submission

import (
	"time"
)

// leastHold is less than anybody can use a device for.
const leastHold = time.Second

// notOfHolds are request fields that a hold has no use for: its own time is its
// time limit, nothing runs that could fail, and it ends with its lease: nobody
// sits at the machine when it would be granted again.
var notOfHolds = []string{"timeout", "retries", "on_partition"}

// readHold takes how long the devices are held.
func readHold(p *Parsed, raw []byte) error {
	d, err := readDuration(raw, 0)
	if err != nil {
		return err
	}
	if d < leastHold {
		return invalid("want how long to hold the devices, 1s or more")
	}
	p.Request.Hold, p.Request.Timeout = true, d
	return nil
}
