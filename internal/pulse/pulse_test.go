package pulse

import (
	"strings"
	"testing"
	"time"
)

func TestStuck(t *testing.T) {
	var p Pulse
	start := time.Now()
	if err := p.stuck(start); err != nil {
		t.Errorf("without loops: %v", err)
	}
	p.beat("renew", time.Second, start)
	p.beat("claim", time.Minute, start)
	if err := p.stuck(start.Add(time.Second)); err != nil {
		t.Errorf("in time: %v", err)
	}
	if err := p.stuck(start.Add(1500 * time.Millisecond)); err == nil || !strings.Contains(err.Error(), `"renew" has not gone round for 1.5s`) {
		t.Errorf("late: %v", err)
	}
	p.beat("renew", time.Second, start.Add(1500*time.Millisecond))
	if err := p.stuck(start.Add(2 * time.Second)); err != nil {
		t.Errorf("round again: %v", err)
	}
	p.End("renew")
	if err := p.stuck(start.Add(time.Minute)); err != nil {
		t.Errorf("over: %v", err)
	}
}
