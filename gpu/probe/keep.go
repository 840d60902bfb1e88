package probe

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// keep has one child after the other, until ctx ends. There is never a second
// one beside a first that does not go.
func (p *Probe) keep(ctx context.Context) {
	defer close(p.kept)
	var pause time.Duration
	for p.untilAttached(ctx) {
		l := p.live(ctx)
		pause = l.pause(pause, p.times)
		p.rest(ctx, pause)
	}
}

// untilAttached waits while an admin has the driver; false: it is all over.
func (p *Probe) untilAttached(ctx context.Context) bool {
	for p.now.isDetached() {
		select {
		case <-p.now.wanted:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// rest waits before the next child; not for long if an admin wants something else.
func (p *Probe) rest(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.now.wanted:
	case <-ctx.Done():
	}
}

// live has one child from its start until its process is gone.
func (p *Probe) live(ctx context.Context) *life {
	l := &life{probe: p}
	mark, ok := p.now.starts()
	if !ok {
		return l
	}
	l.mark = mark
	defer p.now.ends()
	c, err := startChild(p.opts)
	if err != nil {
		l.why = err.Error()
		p.lost("cannot be started", l.why)
		return l
	}
	l.child, l.library = c, libraryWatch{name: p.opts.Library, maps: filepath.Join(p.opts.proc, strconv.Itoa(c.cmd.Process.Pid), "maps")}
	l.follow(ctx)
	l.bury()
	return l
}

// lost says that there is no child to ask, in the log once for each reason.
func (p *Probe) lost(what, why string) {
	words := fmt.Sprintf("the GPU probe %s (%s); another one is started", what, why)
	if p.now.problem() != words {
		p.opts.Log.Warn().Str("why", why).Msg("the GPU probe " + what)
	}
	p.now.lost(words)
}

// refused says what the driver said, in the log once for each reason.
func (p *Probe) refused(why string) {
	p.warn(why)
	p.now.lost(why)
}

func (p *Probe) warn(why string) {
	if why != "" && why != p.now.info().Problem {
		p.opts.Log.Warn().Str("why", why).Msg("the GPU driver cannot be asked")
	}
}

// tellAll: the driver was opened, so that everything may be another.
func (p *Probe) tellAll(i gpu.Info) {
	p.opts.Log.Info().Str("driver", i.Driver).Str("cuda", i.CUDA).Msg("the GPU driver answers")
	p.subs.tell(gpu.Event{At: boottime.Now(), GI: -1, CI: -1, Changed: true})
}
