package main

import (
	"fmt"
	"time"
)

// progressEvery is how often a long command says how far it is.
const progressEvery = 2 * time.Second

// progress says on standard error how far a long command is, so that nobody
// takes it for one that hangs. A short one says nothing.
type progress struct {
	io   streams
	said time.Time // zero: nothing has begun
}

func (p *progress) at(format string, args ...any) {
	now := time.Now()
	switch {
	case p.said.IsZero():
		p.said = now
	case now.Sub(p.said) >= progressEvery:
		p.said = now
		fmt.Fprintf(p.io.err, "mlq: "+format+"\n", args...)
	}
}
