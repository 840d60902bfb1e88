package sim

import (
	"context"
	"path/filepath"
	"sync"
)

// reader reads a file again when it has changed.
type reader struct {
	mu   sync.Mutex
	file *file
	seed string
}

// refresh takes over what the file says now. What is wrong leaves the last that
// was right, and is told once.
func (p *provider) refresh(ctx context.Context) {
	r := p.reader
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	text, changed, err := r.file.look(ctx)
	if !changed {
		return
	}
	var next *lab
	if err == nil {
		next, err = parse(text, r.seed)
	}
	if err != nil {
		p.refuse(filepath.Base(r.file.path) + ": " + err.Error())
		return
	}
	p.take(next)
}

// refuse keeps the lab as it is.
func (p *provider) refuse(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problem = why + "; what it said before still holds"
	p.log.Warn().Str("file", p.reader.file.path).Msg(p.problem)
}

// take makes next the lab, and tells what is new in it.
func (p *provider) take(next *lab) {
	p.mu.Lock()
	defer p.mu.Unlock()
	told := news(p.lab, next)
	p.lab, p.problem = next, ""
	p.learn(next)
	p.log.Info().Str("file", p.reader.file.path).Int("devices", len(next.devices)).Msg("the file of simulated devices was read again")
	for w := range p.watchers {
		w.add(told)
	}
}
