package storetest

import "github.com/mlq-dev/mlq/scheduler/store"

// query asks for something of everything.
func (g *generator) query() *store.Query {
	q := &store.Query{}
	for range g.IntN(4) {
		q.Keys = append(q.Keys, recordKeys[g.IntN(len(recordKeys))])
	}
	for range g.IntN(3) {
		q.Ranges = append(q.Ranges, store.Range{
			Index: indexKeys[g.IntN(len(indexKeys))], From: g.bound(), To: g.bound(),
			Limit: g.IntN(20), Reverse: g.oneIn(2),
		})
	}
	for range g.IntN(2) {
		q.Counts = append(q.Counts, store.Count{
			Index: indexKeys[g.IntN(len(indexKeys))], From: g.bound(), To: g.bound(), Cap: g.Int64N(10),
		})
	}
	for range g.IntN(3) {
		q.Counters = append(q.Counters, counterKeys[g.IntN(len(counterKeys))])
	}
	for range g.IntN(2) {
		q.Logs = append(q.Logs, g.logRange())
	}
	return q
}

func (g *generator) logRange() store.LogRange {
	var latest uint64 // an id near the end of the log is worth asking for
	for _, v := range g.versions {
		latest = max(latest, v)
	}
	after := store.EntryID{Seq: g.Uint32N(3)}
	if near := g.Uint64N(40); near < latest {
		after.Revision = latest - near
	}
	return store.LogRange{Log: logKeys[g.IntN(len(logKeys))], After: after, Limit: g.IntN(10)}
}

// commit is mostly one that the scheduler could make: it updates a record that
// it guards, and does some more.
func (g *generator) commit() *store.Commit {
	c := &store.Commit{Freeing: g.oneIn(3)}
	if !g.oneIn(5) {
		key := g.key(recordKeys)
		c.Guards = append(c.Guards, store.At(key, g.version(key)))
		c.Effects = append(c.Effects, store.PutTTL(key, g.value(), g.ttl()))
	}
	for range g.IntN(3) {
		c.Guards = append(c.Guards, g.guard())
	}
	for range g.IntN(6) {
		c.Effects = append(c.Effects, g.effect())
	}
	return c
}

// version is mostly the one that the record has.
func (g *generator) version(key string) uint64 {
	if g.oneIn(10) {
		return g.Uint64N(50)
	}
	return g.versions[key]
}

func (g *generator) guard() store.Guard {
	switch g.IntN(6) {
	case 0:
		return store.AtMost(g.key(counterKeys), g.number(), g.number())
	case 1:
		return store.Empty(g.key(indexKeys))
	case 2:
		return store.Absent(g.key(recordKeys))
	}
	key := g.key(recordKeys)
	return store.At(key, g.version(key))
}

func (g *generator) effect() store.Effect {
	switch g.IntN(12) {
	case 0, 1:
		return store.PutTTL(g.key(recordKeys), g.value(), g.ttl())
	case 2, 3:
		return store.Delete(g.key(recordKeys))
	case 4, 5:
		return store.Index(g.key(indexKeys), g.member())
	case 6:
		return store.Unindex(g.key(indexKeys), g.member())
	case 7, 8:
		return store.Add(g.key(counterKeys), g.number())
	case 9:
		return store.Append(g.key(logKeys), g.value(), 1+g.Int64N(30))
	case 10:
		return store.Notify(topicNames[g.IntN(len(topicNames))], g.value())
	}
	if g.oneIn(10) {
		return store.DropLog(g.key(logKeys))
	}
	return store.Index(g.key(indexKeys), g.member())
}

// everything reads all that a run may have left.
func everything() *store.Query {
	q := &store.Query{Keys: recordKeys, Counters: counterKeys}
	for _, key := range indexKeys {
		q.Ranges = append(q.Ranges, store.Range{Index: key, Limit: 1_000_000})
		q.Counts = append(q.Counts, store.Count{Index: key})
	}
	for _, key := range logKeys {
		q.Logs = append(q.Logs, store.LogRange{Log: key, Limit: 1_000_000})
	}
	return q
}
