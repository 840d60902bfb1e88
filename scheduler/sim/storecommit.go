package sim

import (
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

func (s *Store) holds(g store.Guard) bool {
	switch g.Kind {
	case store.GuardVersion:
		return s.version(g.Key) == g.Version
	case store.GuardAtMost:
		return s.counters[g.Key]+g.N <= g.Limit
	}
	return len(s.indexes[g.Key]) == 0
}

func (s *Store) apply(effects []store.Effect) {
	var seq uint32
	for _, e := range effects {
		switch e.Kind {
		case store.EffectPut:
			s.put(e)
		case store.EffectDelete:
			s.forget(e.Key)
		case store.EffectIndex:
			s.index(e.Key, string(e.Value))
		case store.EffectUnindex:
			s.unindex(e.Key, string(e.Value))
		case store.EffectAdd:
			s.add(e.Key, e.N)
		case store.EffectAppend:
			s.append(e, store.EntryID{Revision: s.revision, Seq: seq})
			seq++
		case store.EffectDropLog:
			delete(s.logs, e.Key)
		case store.EffectNotify:
			s.hub.publish(store.Notice{Topic: e.Key, Value: bytesOf(string(e.Value))})
		}
	}
}

// add leaves no counter that is 0.
func (s *Store) add(counter string, n int64) {
	if old := s.counters[counter]; old != 0 {
		s.sum.sub(hash(counterFact{counter, old}))
	}
	if s.counters[counter] += n; s.counters[counter] == 0 {
		delete(s.counters, counter)
		return
	}
	s.sum.add(hash(counterFact{counter, s.counters[counter]}))
}

func (s *Store) put(e store.Effect) {
	r := record{value: slices.Clone(e.Value), version: s.revision}
	if s.PerRecord {
		r.version = s.records[e.Key].version + 1
	}
	if e.TTL > 0 {
		r.expires = s.now().Add(e.TTL)
	}
	s.forget(e.Key)
	s.records[e.Key] = r
	s.sum.add(r.digest(e.Key))
}

func (s *Store) forget(key string) {
	if old, ok := s.records[key]; ok {
		s.sum.sub(old.digest(key))
		delete(s.records, key)
	}
}

func (r record) digest(key string) digest {
	f := recordFact{key: key, value: string(r.value)}
	if !r.expires.IsZero() {
		f.expires = r.expires.UnixMicro()
	}
	return hash(f)
}

func (s *Store) index(key, member string) {
	old := s.indexes[key]
	i, found := slices.BinarySearch(old, member)
	if !found {
		s.indexes[key] = slices.Concat(old[:i], []string{member}, old[i:])
		s.sum.add(hash(memberFact{key, member}))
	}
}

func (s *Store) unindex(key, member string) {
	old := s.indexes[key]
	i, found := slices.BinarySearch(old, member)
	if !found {
		return
	}
	s.sum.sub(hash(memberFact{key, member}))
	if len(old) == 1 {
		delete(s.indexes, key)
		return
	}
	s.indexes[key] = slices.Concat(old[:i], old[i+1:])
}

func (s *Store) append(e store.Effect, id store.EntryID) {
	entry := store.Entry{ID: id, Value: bytesOf(string(e.Value))}
	log := append(slices.Clip(s.logs[e.Key]), entry)
	if drop := int64(len(log)) - e.Keep; drop > 0 {
		log = log[drop:]
	}
	s.logs[e.Key] = log
}
