package chaos

import (
	"context"
	"fmt"
	"time"
)

// tell tells of a step of the nemesis.
func (c *chaos) tell(line string) {
	fmt.Printf("chaos: seed %d, %s: %s\n", c.seed, time.Since(c.begun).Round(10*time.Millisecond), line)
}

// tick says every ten seconds that the run is alive, until ctx ends.
func (c *chaos) tick(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.say("faults and users")
		case <-ctx.Done():
			return
		}
	}
}

// say tells how far a run is.
func (c *chaos) say(what string) {
	fmt.Printf("chaos: seed %d, %s: %s; %d submitted, %d answers, %d without\n", c.seed, time.Since(c.begun).Round(time.Second), what,
		c.submitted(), c.answered(), c.unanswered())
}

func (c *chaos) submitted() int64 {
	if c.load == nil {
		return 0
	}
	return c.load.Submitted.Load()
}

func (c *chaos) answered() int64 {
	if c.load == nil {
		return 0
	}
	return c.load.Answered.Load()
}

func (c *chaos) unanswered() int64 {
	if c.load == nil {
		return 0
	}
	return c.load.Unanswered.Load()
}
