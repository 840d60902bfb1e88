package agent

import (
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
)

// clock is the moment at which health is folded.
func (a *Agent) clock() gpu.Clock {
	return gpu.Clock{
		Boottime: a.now(), Wall: a.opts.Clock(), Boot: a.bootID,
		Generation: a.opts.Provider.Info().Generation,
	}
}

// took takes in a look, and tells people and jobs what it changed.
func (a *Agent) took(s gpu.Sample) gpu.Verdict {
	seen := a.fleet.saw(s, a.clock())
	a.tell(seen)
	return seen.after
}

// tell logs what a look or an event changed, each once, and has the job on the
// device know of a fault.
func (a *Agent) tell(seen sighting) {
	uuid := seen.device.UUID
	for _, p := range seen.strangers {
		if p.Ours { // what our lease left: the change of state tells of it
			continue
		}
		a.opts.Log.Warn().Str("device", uuid).Int("pid", p.PID).Int("uid", p.UID).Str("user", p.User).Str("name", p.Name).
			Int64("bytes", p.Memory).Bool("beside_a_job", seen.leased).Msg("a process that is not ours uses a device")
	}
	if seen.sick != "" {
		a.opts.Log.Error().Str("device", uuid).Str("why", seen.sick).Msg("a device is sick and gets no jobs")
		a.noteFault(uuid, fmt.Sprintf("%s was found sick at %s: %s", uuid, a.opts.Clock().Format(time.TimeOnly), seen.sick))
	}
	if seen.before.State == seen.after.State {
		return
	}
	a.opts.Log.WithLevel(seen.level()).Str("device", uuid).Str("from", string(seen.before.State)).Str("to", string(seen.after.State)).
		Str("why", seen.after.Reason).Msg("a device changed its state")
}

// level is how loud a change of state is told.
func (s *sighting) level() zerolog.Level {
	switch {
	case s.after.State == gpu.Foreign && s.orphan:
		return zerolog.ErrorLevel
	case s.after.State == gpu.Foreign, s.after.State == gpu.Unknown && s.before.State != "":
		return zerolog.WarnLevel
	case routine(s.after.State) && routine(s.before.State):
		return zerolog.DebugLevel
	}
	return zerolog.InfoLevel
}

// heardOf takes in what the driver told unasked.
func (a *Agent) heardOf(e gpu.Event) {
	if e.Xid != 0 && e.UUID == "" {
		a.opts.Log.Warn().Int("xid", e.Xid).Msg("the driver reported an error and not of which GPU: the next looks tell")
	}
	seen, blames := a.fleet.happened(e, a.clock())
	for i, s := range seen {
		words := fmt.Sprintf("the driver reported %s on %s at %s", gpu.XidWords(e.Xid), s.device.UUID, a.opts.Clock().Format(time.TimeOnly))
		if e.Xid != 0 {
			a.opts.Log.Warn().Str("device", s.device.UUID).Int("xid", e.Xid).Str("blame", string(blames[i])).Msg(words)
		}
		if blames[i] != gpu.BlameNobody {
			a.noteFault(s.device.UUID, words)
			s.sick = "" // said with the number
		}
		a.tell(s)
	}
}

// noteFault has the attempts on a device know what the driver said of it.
func (a *Agent) noteFault(uuid, words string) {
	for _, t := range a.running() {
		if slices.Contains(t.devices, uuid) {
			t.note(words)
		}
	}
}
