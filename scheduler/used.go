package scheduler

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// used is what one attempt used, as the log of its hour has it: one entry, in the
// commit that ends the attempt, and nothing else there.
type used struct {
	Job     JobID    `json:"j"`
	Attempt int      `json:"n"`
	User    string   `json:"u"`
	Host    string   `json:"h"`
	Devices []string `json:"d"`
	From    int64    `json:"s"` // µs
	To      int64    `json:"e"` // µs
	// Ended is the state of the job that this attempt ended; "": it goes on.
	Ended State `json:"o,omitempty"`
}

// usedBy is what the last attempt of a job used until a time.
func usedBy(j *Job, until time.Time) used {
	a := j.Attempt()
	return used{
		Job: j.ID, Attempt: a.N, User: j.User, Host: a.Host, Devices: counted(a.Host, a.Devices),
		From: stamp(a.Claimed), To: stamp(until),
	}
}

// counted are those of a lease's devices that count as used: a consumer's is none,
// and the job in which it runs counts for itself.
func counted(host string, devices []string) []string {
	if IsConsumer(host) {
		return nil
	}
	return devices
}

// use notes what the attempt used that a change of its job has ended.
func (d *draft) use(after *Job) {
	ended := after.Attempt().Ended
	u := usedBy(after, ended)
	if after.State.Final() {
		u.Ended = after.State
	}
	d.effect(store.Append(keyUsageLog(hourOf(ended)), encode(u), keepUsage))
}

// decodeUsed reads an entry of the log of an hour, in which the attempt must have ended: a flipped digit
// of a time would spread it over a thousand years.
func decodeUsed(e store.Entry, hour int64) (used, error) {
	var u used
	if err := json.Unmarshal(e.Value, &u); err != nil {
		return u, fmt.Errorf("decode usage: %w", err)
	}
	if from, to := unstamp(u.From), unstamp(u.To); hourOf(to) != hour || dayOf(from) < dayOf(to)-usageDays {
		return u, fmt.Errorf("usage of the hour %d from %s to %s", hour, from, to)
	}
	return u, nil
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }
func dayOf(t time.Time) int64  { return t.Unix() / 86400 }

// dayStart is when a day begins, in UTC.
func dayStart(day int64) time.Time { return time.Unix(day*86400, 0).UTC() }

// Used is a sum of what was used.
type Used struct {
	Held     time.Duration `json:"t,omitempty"` // devices × time, from claim to end, in whole µs
	Attempts int64         `json:"a,omitempty"` // ended, or running now
	Jobs     int64         `json:"j,omitempty"` // ended, by an attempt of theirs
	Failed   int64         `json:"f,omitempty"` // of these
	Longest  time.Duration `json:"l,omitempty"` // attempt
}

func (u *Used) add(other Used) {
	u.Held += other.Held
	u.Attempts += other.Attempts
	u.Jobs += other.Jobs
	u.Failed += other.Failed
	u.Longest = max(u.Longest, other.Longest)
}

// usageDay is what was used on one day, by user, by device (host, space, UUID) and
// by host: an attempt on two devices is one of its host.
type usageDay struct {
	Users   map[string]Used `json:"u"`
	Devices map[string]Used `json:"d"`
	Hosts   map[string]Used `json:"h"`
}

func newUsageDay() usageDay {
	return usageDay{make(map[string]Used), make(map[string]Used), make(map[string]Used)}
}

func addTo(sums map[string]Used, key string, u Used) {
	sum := sums[key]
	sum.add(u)
	sums[key] = sum
}

// spread adds an attempt to the days on which it was: its time to each of them,
// its end to the last. Days before the first one count for nothing.
func (u *used) spread(days map[int64]usageDay, first int64) {
	from, to := unstamp(u.From), unstamp(u.To)
	for day := max(dayOf(from), first); day <= dayOf(to); day++ {
		start, end := latest(from, dayStart(day)), earlier(to, dayStart(day+1))
		part := Used{Held: max(end.Sub(start), 0)}
		if day == dayOf(to) {
			part.Attempts, part.Longest = 1, to.Sub(from)
			if u.Ended != "" {
				part.Jobs = 1
			}
			if u.Ended == Failed {
				part.Failed = 1
			}
		}
		if _, ok := days[day]; !ok {
			days[day] = newUsageDay()
		}
		days[day].take(u, part)
	}
}

// take adds a part of an attempt to each of its devices, and their time to user and host.
func (d usageDay) take(u *used, part Used) {
	for _, uuid := range u.Devices {
		addTo(d.Devices, u.Host+" "+uuid, part)
	}
	part.Held *= time.Duration(len(u.Devices))
	addTo(d.Users, u.User, part)
	if !IsConsumer(u.Host) {
		addTo(d.Hosts, u.Host, part)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
