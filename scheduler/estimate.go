package scheduler

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler/store"
)

const (
	// medianOf is how many of the last successes make up an expectation.
	medianOf = 20
	// maxReplay bounds the jobs ahead that an estimate replays.
	maxReplay = 200
)

// estimate replays the choices over the jobs ahead of this one, each lasting
// as long as the median of its user's and name's last successes, or half its
// time limit. The range comes from half to twice that. Where a job that counts
// has neither, the estimate is unknown, and says so.
func (s *Scheduler) estimate(ctx context.Context, sc scene, job *Job) (Estimate, error) {
	unknown := func(why string) (Estimate, error) { return Estimate{Basis: "unknown: " + why}, nil }
	if why := sc.keptBack(job); why != "" {
		return unknown(why)
	}
	if sc.ahead >= maxReplay {
		return unknown(fmt.Sprintf("%s jobs are ahead", upTo(sc.ahead)))
	}
	jobs, err := s.jobsAhead(ctx, sc, job)
	if err != nil {
		return Estimate{}, err
	}
	for _, l := range sc.leases {
		jobs = append(jobs, Job{ID: l.Job, User: l.User, Name: l.Name, Timeout: endsIn(l)})
	}
	lasts, err := s.expectations(ctx, jobs)
	if err != nil {
		return Estimate{}, err
	}
	wait, missing := sc.replay(job, jobs[:len(jobs)-len(sc.leases)], lasts)
	if missing != "" {
		return unknown(missing)
	}
	return Estimate{
		Known: true, Earliest: wait / 2, Latest: 2 * wait,
		Basis: fmt.Sprintf("%s ahead and %d running, each as long as its like took before (median of up to %d), or half its time limit", jobsInWords(sc.ahead), len(sc.leases), medianOf),
	}, nil
}

func jobsInWords(n int64) string {
	if n == 1 {
		return "1 job"
	}
	return fmt.Sprintf("%d jobs", n)
}

// keptBack says what keeps a job that is no matter of devices, and so is not
// replayed; "": nothing.
func (sc *scene) keptBack(job *Job) string {
	switch until, held := sc.epoch.holds(job.Epoch, sc.now); {
	case sc.unadopted:
		return "no server has adopted the store yet"
	case held:
		return "jobs from before the store's restart wait until " + until.Format(time.TimeOnly)
	case job.Consumed():
		return "it waits for a process that takes messages, and how long one needs for each is not known"
	case sc.limited(job):
		return fmt.Sprintf("%s holds as many devices as they may", job.User)
	}
	return ""
}

// shuns reports whether a host that could run the job does not take it now.
func (sc *scene) shuns(h *Host, job *Job) bool {
	return sc.now.Before(job.Avoid[h.Host]) || slices.Contains(h.Barred, Barred{Dir: sc.need.WorkDir, Unix: job.Unix})
}

func endsIn(l Lease) time.Duration {
	if l.EndsBy.IsZero() {
		return 0
	}
	return l.EndsBy.Sub(l.Since)
}

func (s *Scheduler) jobsAhead(ctx context.Context, sc scene, job *Job) ([]Job, error) {
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: queueOf(job), To: entryMember(job), Limit: maxReplay}}})
	if err != nil {
		return nil, err
	}
	var ids []JobID
	for _, m := range a.Ranges[0] {
		if e, err := parseEntry(job.Class, m); err == nil {
			ids = append(ids, e.Job)
		}
	}
	return s.readJobs(ctx, ids)
}

// expectations gives how long each of the jobs will take; absent: nobody knows.
func (s *Scheduler) expectations(ctx context.Context, jobs []Job) (map[JobID]time.Duration, error) {
	var q store.Query
	at := make(map[string]int)
	for i := range jobs {
		key := keyDurations(durationBucket(jobs[i].User, jobs[i].Name))
		if _, seen := at[key]; !seen {
			at[key] = len(q.Logs)
			q.Logs = append(q.Logs, store.LogRange{Log: key, Limit: 2 * keepDurations})
		}
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make(map[JobID]time.Duration, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		d := medianDuration(a.Logs[at[keyDurations(durationBucket(j.User, j.Name))]], j.User, j.Name)
		if d == 0 {
			d = j.Timeout / 2
		}
		if d > 0 {
			out[j.ID] = d
		}
	}
	return out, nil
}

// medianDuration is the median of the last successes of this user and name; 0: there are none.
func medianDuration(entries []store.Entry, user, name string) time.Duration {
	var last []time.Duration
	want := hash64(user, name)
	for _, e := range slices.Backward(entries) {
		if len(e.Value) == 16 && binary.BigEndian.Uint64(e.Value) == want && len(last) < medianOf {
			last = append(last, time.Duration(binary.BigEndian.Uint64(e.Value[8:]))*time.Millisecond)
		}
	}
	if len(last) == 0 {
		return 0
	}
	slices.Sort(last)
	return max(last[len(last)/2], time.Millisecond)
}

// offer is what a host can give, now or when its leases end. When a device comes
// back that is sick, closed or used by others, nobody knows.
func (sc *scene) offer(h *Host) Offer {
	o := wholeOffer(h, sc.real)
	o.Devices = nil
	if h.Drained || !h.LeaseUntil.After(sc.now) {
		return o
	}
	for i := range h.Devices {
		d := &h.Devices[i]
		if sc.comesBack(h, d) {
			o.Devices = append(o.Devices, OfferedDevice{Device: d.Device})
		}
	}
	return o
}

// comesBack: with the end of a job the device is to be had, as far as can be told.
// Under a lease too it may be closed, sick, or in a driver that is taken away.
func (sc *scene) comesBack(h *Host, d *DeviceReport) bool {
	for _, s := range []gpu.State{sc.state(h, d), d.State} {
		switch s {
		case gpu.Free, gpu.Leased, gpu.Clearing:
		default:
			return false
		}
	}
	return h.DrainedDevices[d.UUID] == ""
}

// gone says what keeps the devices that fit from being counted on, "" if nothing does.
func (sc *scene) gone() string {
	var count [len(states)]int
	for i := range sc.all {
		h := &sc.all[i]
		for j := range h.Devices {
			d := &h.Devices[j]
			if !fits(sc.need, &d.Device, sc.real) || sc.comesBack(h, d) {
				continue
			}
			s := sc.state(h, d)
			if s == gpu.Leased {
				s = d.State
			}
			if h.DrainedDevices[d.UUID] != "" {
				s = gpu.Drained // under its lease too
			}
			if at := slices.Index(states[:], s); at >= 0 {
				count[at]++
			}
		}
	}
	var words []string
	for i, n := range count {
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, states[i]))
		}
	}
	return strings.Join(words, ", ")
}

// states are those from which nobody knows when a device comes back.
var states = [...]gpu.State{gpu.Unknown, gpu.Foreign, gpu.Drained, gpu.Sick}

// replay places the jobs ahead and then this one, each on the host where it
// can start first, and gives how long this one waits; missing says whose
// duration nobody knows.
func (sc *scene) replay(job *Job, ahead []Job, lasts map[JobID]time.Duration) (wait time.Duration, missing string) {
	hosts, late, missing := sc.timelines(lasts)
	if missing != "" {
		return 0, missing
	}
	for i := range ahead {
		n, err := ParseNeed(ahead[i].Class)
		last, known := lasts[ahead[i].ID]
		if err != nil || !known {
			return 0, "a job ahead of it has no time limit and nothing like it has run yet"
		}
		start, take := earliest(hosts, n, ahead[i].Devices)
		for _, d := range take {
			*d = start + last
		}
	}
	hosts = slices.DeleteFunc(hosts, func(l timeline) bool { return sc.shuns(l.host, job) })
	start, take := earliest(hosts, sc.need, job.Devices)
	if take == nil {
		return 0, sc.noneComesBack(late)
	}
	return start, ""
}

// noneComesBack says why too few devices can be counted on.
func (sc *scene) noneComesBack(late bool) string {
	gone := sc.gone()
	switch {
	case late:
		return "a job that runs has taken longer than its like did, and has no time limit"
	case gone != "":
		return "it waits for more than the end of jobs; of the devices that fit are " + gone
	}
	return "it waits for more than the end of jobs"
}

// timeline is a host with the time from now at which each device is free.
type timeline struct {
	host  *Host
	offer Offer
	free  []time.Duration
}

// timelines leaves out the devices of jobs that have run longer than their like
// and may go on for ever: late says that there are some.
func (sc *scene) timelines(lasts map[JobID]time.Duration) (out []timeline, late bool, missing string) {
	for i := range sc.all {
		l := timeline{host: &sc.all[i], offer: sc.offer(&sc.all[i])}
		devices := l.offer.Devices
		l.offer.Devices = nil
		for _, d := range devices {
			free, known := sc.left(sc.leaseOn[d.UUID], lasts)
			switch {
			case !known:
				return nil, false, "a job that runs has no time limit and nothing like it has run yet"
			case free < 0:
				late = true
			default:
				l.offer.Devices, l.free = append(l.offer.Devices, d), append(l.free, free)
			}
		}
		out = append(out, l)
	}
	return out, late, ""
}

// left is how long a lease will last yet: as its like did, or once it has lasted
// longer, to its time limit. Negative: it is late, and without a limit.
func (sc *scene) left(l *Lease, lasts map[JobID]time.Duration) (time.Duration, bool) {
	if l == nil {
		return 0, true
	}
	last, known := lasts[l.Job]
	left := last - sc.now.Sub(l.Since)
	if left <= 0 && !l.EndsBy.IsZero() {
		left = max(0, l.EndsBy.Sub(sc.now))
	} else if left == 0 {
		left = -1
	}
	return left, known
}

// earliest finds where n devices that fit are free first.
func earliest(hosts []timeline, n Need, devices int) (time.Duration, []*time.Duration) {
	var best time.Duration
	var take []*time.Duration
	for i := range hosts {
		h := &hosts[i]
		var free []*time.Duration
		if fitHost(n, "", &Offer{Host: h.offer.Host, Labels: h.offer.Labels, Environments: h.offer.Environments}) != nil {
			continue
		}
		for j := range h.offer.Devices {
			if fits(n, &h.offer.Devices[j].Device, h.offer.RealElsewhere) {
				free = append(free, &h.free[j])
			}
		}
		if len(free) < devices {
			continue
		}
		slices.SortFunc(free, func(a, b *time.Duration) int { return int(*a - *b) })
		if start := *free[devices-1]; take == nil || start < best {
			best, take = start, free[:devices]
		}
	}
	return best, take
}
