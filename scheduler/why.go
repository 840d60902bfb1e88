package scheduler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// WhyFunction is the code of the reason that functions of a message are not registered.
const WhyFunction = "function"

// maxPlace is the last place in the queue that is counted.
const maxPlace = 1000

// Why explains why a job waits, the most decisive reason first, and says when
// it will start as far as that can be known. shown bounds what it tells of others.
func (s *Scheduler) Why(ctx context.Context, id JobID, shown Shown) (Why, error) {
	job, err := s.Job(ctx, id)
	if err != nil {
		return Why{}, err
	}
	switch job.State {
	case Queued:
		return s.whyQueued(ctx, &job, shown)
	case Scheduled:
		now, err := s.Now(ctx)
		return whyScheduled(&job, now), err
	}
	return Why{Reasons: []WhyReason{{"not-waiting", fmt.Sprintf("job %d is %s", id, job.State)}}}, nil
}

func whyScheduled(j *Job, now time.Time) Why {
	var w Why
	if text := j.awaitsText(); text != "" {
		w.add(WhyFunction, text)
	}
	if len(j.Pending) > 0 {
		var ids []string
		for _, id := range j.Pending {
			ids = append(ids, idText(id))
		}
		w.add("after", "it follows "+strings.Join(ids, ", ")+", which has not succeeded yet")
	}
	if j.NotBefore.After(now) {
		code, text := "run-at", "it is to start at "
		if j.Failures > 0 {
			code, text = "backoff", fmt.Sprintf("attempt %d failed, the next one starts at ", len(j.Attempts))
		}
		w.add(code, text+j.NotBefore.Format(time.RFC3339))
	}
	w.Estimate.Basis = "unknown: it is not in the queue yet"
	return w
}

func (w *Why) add(code, text string) { w.Reasons = append(w.Reasons, WhyReason{code, text}) }

// whyQueued goes through what keeps a job in the queue, in the order in which
// it decides: the store, the hosts, the user's limit, those ahead, the devices.
func (s *Scheduler) whyQueued(ctx context.Context, job *Job, shown Shown) (Why, error) {
	sc, err := s.scene(ctx, job)
	if err != nil {
		return Why{}, fmt.Errorf("why: %w", err)
	}
	at := positionAfter(sc.ahead)
	w := Why{Position: at.N, PositionOver: at.Over, Of: int(sc.queued)}
	if sc.unadopted {
		w.add("hold-off", "the store is new and no server has adopted it yet")
	}
	if job.Message {
		list, err := s.Functions(ctx, job.User)
		if err != nil {
			return Why{}, fmt.Errorf("why: %w", err)
		}
		if missing := MissingFunctions(job.Functions, list); len(missing) > 0 {
			w.add(WhyFunction, AwaitsInWords(missing))
		}
	}
	if until, held := sc.epoch.holds(job.Epoch, sc.now); held {
		w.add("hold-off", "the store was restarted, and jobs from before wait until "+until+", in case they still run")
	}
	if job.Consumed() {
		if err := s.whyConsumed(ctx, &w, &sc); err != nil {
			return Why{}, fmt.Errorf("why: %w", err)
		}
	} else {
		sc.hosts(&w, job, shown)
		sc.userLimit(&w, job)
	}
	if sc.ahead > 0 {
		w.add("queue", fmt.Sprintf("%s jobs of its kind are ahead of it", upTo(sc.ahead)))
	}
	if len(w.Reasons) == 0 {
		w.add("starting", "nothing keeps it: a "+takerOf(job)+" takes it as soon as it looks")
	}
	w.Estimate, err = s.estimate(ctx, sc, job)
	return w, err
}

// takerOf is what takes the job, in words.
func takerOf(job *Job) string {
	if job.Consumed() {
		return "process that has its functions"
	}
	return "host"
}

func upTo(n int64) string {
	if n >= maxPlace {
		return fmt.Sprintf("more than %d", maxPlace)
	}
	return fmt.Sprint(n)
}

// hosts adds what the hosts have to say.
func (sc *scene) hosts(w *Why, job *Job, shown Shown) {
	if len(sc.all) == 0 {
		w.add("no-host", "no host has ever joined: start an agent")
		return
	}
	if why := cannotRun(sc.need, job.Unix, sc.all, sc.now); why != "" {
		w.add("unsatisfiable", "no host can ever run it; the closest: "+why)
		return
	}
	var silent, drained, avoided, barred, unlisted []string
	var open []*Host
	for i := range sc.all {
		h := &sc.all[i]
		lacks := everFits(sc.need, job.Unix, h, sc.real)
		if lacks != nil && !h.mayHave(sc.need, lacks, sc.now) {
			continue
		}
		switch {
		case !h.LeaseUntil.After(sc.now):
			silent = append(silent, h.Host)
		case h.Drained:
			drained = append(drained, h.Host+" ("+h.drainedInWords()+")")
		case job.avoids(h.Host, sc.now, sc.timing):
			avoided = append(avoided, job.avoidedWords(h.Host))
		case slices.Contains(h.Barred, Barred{Dir: sc.need.WorkDir, Unix: job.Unix}):
			barred = append(barred, h.Host)
		case lacks != nil:
			unlisted = append(unlisted, h.Host+" ("+h.Unlisted+")")
		default:
			open = append(open, h)
		}
	}
	if len(open) > 0 {
		sc.devices(w, open, shown)
	}
	for _, r := range []struct {
		code, text string
		hosts      []string
	}{
		{"devices-unknown", "may have devices for it, and do not know their devices yet: ", unlisted},
		{"avoided", "released it before and are not asked again yet: ", avoided},
		{"directory", "do not let the job enter " + sc.need.WorkDir + ": ", barred},
		{"drained", "closed by an admin: ", drained},
		{"host-silent", "could run it, but have not been heard of: ", silent},
	} {
		if len(r.hosts) > 0 {
			w.add(r.code, r.text+strings.Join(r.hosts, ", "))
		}
	}
}

// avoidedWords says of a host that released the job until when it is not asked, and why it did.
func (j *Job) avoidedWords(host string) string {
	text := host + " until " + j.Avoid[host].Format(time.TimeOnly)
	for i := range slices.Backward(j.Attempts) {
		if a := &j.Attempts[i]; a.Host == host && a.Outcome == OutcomeReleased && a.Cause != "" {
			return text + " (" + a.Cause + ")"
		}
	}
	return text
}

// drainedInWords is who closed the host and why, and until when what runs there may go on.
func (h *Host) drainedInWords() string {
	if d, limited := h.Deadlines[""]; limited {
		return h.DrainedBy + "; what runs there may until " + d.At.Format(time.RFC3339)
	}
	return h.DrainedBy
}
