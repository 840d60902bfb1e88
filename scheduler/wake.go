package scheduler

import (
	"hash/fnv"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// What a wake says.
const (
	wakeQueue = "queue" // there may be work
	wakeLease = "lease" // something changed for one of your leases: renew now
	wakeOrder = "order" // an admin ordered something
)

// maxWakes bounds the hosts that one enqueue wakes, and so the range that it reads.
const maxWakes = 16

// idleMember is a host in the index of idle offers: spread by hash, so that a
// range from a random point finds different hosts each time.
func idleMember(host string) []byte { return append(hash32(host), host...) }

func idleHost(member []byte) string {
	if len(member) < 4 {
		return ""
	}
	return string(member[4:])
}

// firstIdle reads idle hosts from the first on: all, unless they are many.
func firstIdle() []store.Range { return []store.Range{{Index: keyIdle, Limit: maxWakes}} }

// idleRanges reads some of many idle hosts, starting anywhere and going round.
func idleRanges(seed string) []store.Range {
	from := hash32(seed)
	return []store.Range{
		{Index: keyIdle, From: from, Limit: maxWakes},
		{Index: keyIdle, To: from, Limit: maxWakes},
	}
}

// wake hints at a queued job to at most twice as many idle hosts as it needs
// devices: enough that one of them takes it, too few for a storm.
func (d *draft) wake(j *Job, idle [][]byte) {
	if j.State != Queued {
		return
	}
	if user := consumerOf(j.Class); user != "" {
		d.effect(store.Notify(topicConsumers, []byte(user)))
		return
	}
	for _, m := range idle[:min(len(idle), 2*j.Devices, maxWakes)] {
		d.effect(store.Notify(topicWake(idleHost(m)), []byte(wakeQueue)))
	}
}

func hash32(s string) []byte {
	h := fnv.New32a()
	h.Write([]byte(s))
	return h.Sum(nil)
}

func hash64(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum64()
}
