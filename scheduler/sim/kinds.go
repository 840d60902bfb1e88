package sim

import (
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// guardKinds says what a guard's key names.
var guardKinds = map[store.GuardKind]string{
	store.GuardVersion: "record", store.GuardAtMost: "counter", store.GuardEmpty: "index",
}

// kinds refuses effects that use a key as something else than it is.
func (s *Store) kinds(effects []store.Effect) error {
	for _, e := range effects {
		var as string
		switch e.Kind {
		case store.EffectPut, store.EffectDelete:
			as = "record"
		case store.EffectIndex, store.EffectUnindex:
			as = "index"
		case store.EffectAdd:
			as = "counter"
		case store.EffectAppend, store.EffectDropLog:
			as = "log"
		default:
			continue
		}
		if err := s.kind(e.Key, as); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) kind(key, as string) error {
	if is := s.is(key); is != "" && is != as {
		return fmt.Errorf("%w: %s is a %s, not a %s", store.ErrInvalid, key, is, as)
	}
	return nil
}

// is tells what a key is, which is one thing at most; "": nothing.
func (s *Store) is(key string) string {
	if s.version(key) != 0 {
		return "record"
	}
	if len(s.indexes[key]) > 0 {
		return "index"
	}
	if _, counter := s.counters[key]; counter {
		return "counter"
	}
	if len(s.logs[key]) > 0 {
		return "log"
	}
	return ""
}

// sums refuses counters that would overflow.
func (s *Store) sums(c store.Commit) error {
	sums := map[string]int64{}
	for _, e := range c.Effects {
		if e.Kind != store.EffectAdd {
			continue
		}
		if _, seen := sums[e.Key]; !seen {
			sums[e.Key] = s.counters[e.Key]
		}
		sums[e.Key] += e.N
		if n := sums[e.Key]; n > store.MaxCounter || n < -store.MaxCounter {
			return fmt.Errorf("%w: counter %s", store.ErrTooLarge, e.Key)
		}
	}
	return nil
}
