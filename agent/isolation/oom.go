package isolation

// OOM is what the kernel has counted of want of memory in a group (memory.events in
// its documentation of cgroup v2).
type OOM struct {
	// Kills are the processes of the group, and of groups in it, that it has ended,
	// whosever the memory was that ran out.
	Kills int64
	// Limit is how often the group's own limit left it no other way. Not those of groups
	// above, of groups that a job of root has made in it, or of the host.
	Limit int64
}

// OOM reads these counts. known is false where the kernel has none for the group, or
// does not tell any more because the group is gone.
func (g *Group) OOM() (o OOM, known bool) {
	var err error
	if o.Kills, err = g.count("memory.events", "oom_kill"); err != nil {
		return OOM{}, false
	}
	if o.Limit, err = g.count("memory.events.local", "oom"); err != nil { // Linux 5.2
		return OOM{}, false
	}
	return o, true
}
