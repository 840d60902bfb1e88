package agent

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/scheduler"
)

// progressEvery bounds how often progress is written to the store.
const progressEvery = 250 * time.Millisecond

// progressShipper writes the last reported progress of one attempt. Values
// that were overtaken are skipped.
type progressShipper struct {
	scheduler Scheduler
	ref       scheduler.LeaseRef
	log       zerolog.Logger
	values    *mailbox[string]
}

func newProgressShipper(s Scheduler, ref scheduler.LeaseRef, log zerolog.Logger) *progressShipper {
	return &progressShipper{scheduler: s, ref: ref, log: log, values: newMailbox[string]()}
}

// report is told each value.
func (p *progressShipper) report(value string) { p.values.put(value) }

// run writes until ctx ends. A value that cannot be written is not worth a
// second try: the next one tells more.
func (p *progressShipper) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.values.ready:
		}
		all := p.values.take()
		if len(all) == 0 {
			continue
		}
		if err := p.scheduler.Progress(ctx, p.ref, all[len(all)-1]); err != nil && ctx.Err() == nil {
			p.log.Debug().Err(err).Msg("cannot report progress")
		}
		sleep(ctx, progressEvery)
	}
}
