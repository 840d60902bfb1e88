package store

import "time"

// At guards that a record still has the version that was read; version 0
// means that it is absent.
func At(key string, version uint64) Guard {
	return Guard{Kind: GuardVersion, Key: key, Version: version}
}

// Absent guards that a record does not exist.
func Absent(key string) Guard { return At(key, 0) }

// AtMost guards that a counter plus n stays at or below limit.
func AtMost(counter string, n, limit int64) Guard {
	return Guard{Kind: GuardAtMost, Key: counter, N: n, Limit: limit}
}

// Empty guards that an index has no members.
func Empty(index string) Guard { return Guard{Kind: GuardEmpty, Key: index} }

// Put writes a record.
func Put(key string, value []byte) Effect {
	return Effect{Kind: EffectPut, Key: key, Value: value}
}

// PutTTL writes a record that the store may forget after ttl.
func PutTTL(key string, value []byte, ttl time.Duration) Effect {
	return Effect{Kind: EffectPut, Key: key, Value: value, TTL: ttl}
}

// Delete deletes a record.
func Delete(key string) Effect { return Effect{Kind: EffectDelete, Key: key} }

// Index adds a member to an index.
func Index(index string, member []byte) Effect {
	return Effect{Kind: EffectIndex, Key: index, Value: member}
}

// Unindex removes a member from an index.
func Unindex(index string, member []byte) Effect {
	return Effect{Kind: EffectUnindex, Key: index, Value: member}
}

// Add adds n to a counter.
func Add(counter string, n int64) Effect {
	return Effect{Kind: EffectAdd, Key: counter, N: n}
}

// Append appends an entry to a log that keeps about the last keep entries.
func Append(log string, value []byte, keep int64) Effect {
	return Effect{Kind: EffectAppend, Key: log, Value: value, Keep: keep}
}

// DropLog deletes a log.
func DropLog(log string) Effect { return Effect{Kind: EffectDropLog, Key: log} }

// Notify hints to the watchers of a topic that something happened.
func Notify(topic string, value []byte) Effect {
	return Effect{Kind: EffectNotify, Key: topic, Value: value}
}

// Names lists the keys that the commit guards or writes, topics left out.
func (c Commit) Names() []string {
	names := make([]string, 0, len(c.Guards)+len(c.Effects))
	for _, g := range c.Guards {
		names = append(names, g.Key)
	}
	for _, e := range c.Effects {
		if e.Kind != EffectNotify {
			names = append(names, e.Key)
		}
	}
	return names
}
