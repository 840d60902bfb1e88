package agent

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

func TestStageOf(t *testing.T) {
	timing := scheduler.DefaultTiming()
	for age, want := range map[time.Duration]stage{
		0: trusting, 14 * time.Second: trusting, 15 * time.Second: warned, 39 * time.Second: warned,
		40 * time.Second: stopping, 59 * time.Second: stopping, 60 * time.Second: lost, time.Hour: lost,
	} {
		if got := stageOf(age, timing); got != want {
			t.Errorf("after %v: stage %d, want %d", age, got, want)
		}
	}
}

func TestBeliefCountsFromTheSending(t *testing.T) {
	b := &belief{timing: scheduler.DefaultTiming()}
	if b.stage(time.Hour) != lost {
		t.Error("believes before it ever joined")
	}
	b.confirm(time.Hour)
	b.confirm(time.Hour - time.Second) // an answer that was overtaken
	if got, want := b.deadline(), time.Hour+time.Minute; got != want {
		t.Errorf("ends at %v, want %v", got, want)
	}
}
