package nemesis

// Fault is one row of the table of faults.
type Fault struct {
	Number string // "F3"
	Name   string
	// Elsewhere says why the nemesis does not inject it, or not all of it, and what
	// does; empty where it does.
	Elsewhere string

	aim func(*draw) *strike // nil: it is not injected; its strike: nil where the world lacks what it needs
}

// Injected says whether the nemesis injects it.
func (f Fault) Injected() bool { return f.aim != nil }

// Table is all of it, in its order.
func Table() []Fault {
	return []Fault{
		{"F1", "agent killed, slots alive", "", agentKilled},
		{"F2", "agent and slots killed", "", hostKilled},
		{"F3", "agent stands still past its leases", "", agentStopped},
		{"F4", "slots and jobs stand still past the lease", "", slotsStopped},
		{"F5", "a whole host stands still", "", hostStopped},
		{"F6", "a host reaches nobody", "", partitioned},
		{"F7", "a host hears nobody", "", halfOpen},
		{"F8", "the answer to a claim lost", "", claimUnheard},
		{"F9", "the answer to a finish lost", "", finishUnheard},
		{"F10", "requests twice, and late", "", twice},
		{"F11", "server killed between a blob and its finish", "", serverKilledAtFinish},
		{"F12", "server killed in a submit", "", serverKilledAtSubmit},
		{"F13", "servers killed one after the other", "", rollingKill},
		{"F14", "Redis killed", "", redisKilled},
		{"F15", "Redis stands still", "", redisStopped},
		{"F16", "Redis stalled by a command", "", redisStalled},
		{"F17", "all connections of Redis ended again and again", "", clientsKilled},
		{"F18", "failover that loses writes", "", lostWrites},
		{"F19", "two masters", "", splitBrain},
		{
			"F20", "FLUSHALL",
			"users and tokens are gone with the jobs, and what comes back is a backup: nothing of the run would be left to check; " +
				"a restore is tested by e2e TestSessions/backup", nil,
		},
		{"F21", "Redis' memory full", "", memoryFull},
		{"F22", "wrong eviction policy", "a server refuses to start: scheduler/store/redisstore TestRefusedServers, not a fault of what runs", nil},
		{"F23", "the end of the append-only file missing", "", tornLog},
		{"F24", "another client's script, BUSY", "", busy},
		{"F25", "scripts forgotten", "", scriptsFlushed},
		{"F26", "READONLY, LOADING and MISCONF answers", "", refusing},
		{"F27", "the blobs' disk full", "", blobsFull},
		{"F28", "a host's disk full", "", hostFull},
		{"F29", "a bit flipped on the way", "only under TLS, which finds it", flipped},
		{"F30", "jobs that leave processes behind, or ignore SIGTERM", "the users' jobs do it (\"daemon\", \"stubborn\"), all the time", nil},
		{"F31", "memory or a foreign process on a device", "the lab's devices are CPU slots, which have neither", nil},
		{"F32", "a device falls off the bus", "as F31", nil},
		{"F33", "a second agent of one name on one host", "", secondAgent},
		{
			"F34", "a clock jumps",
			"only the store's: the hosts are one machine with one clock, and Go reads it past every library that could be loaded before; scheduler/sim sets the store's at any step", clockJumps,
		},
		{
			"F35", "a host suspended",
			"CLOCK_BOOTTIME cannot be moved while processes live, in a time namespace neither; F5 is the same for all that look at it", nil,
		},
		{"F36", "a host loses its power", "the boot id stays, as the kernel is not ours", hostRebooted},
		{"F37", "a job that kills its slot", "the users' jobs do it (\"poison\")", nil},
		{"F38", "cancels that race", "the users do it, at any moment of a job's life; scheduler/history does it by the thousand", nil},
		{"F39", "a slow network that loses", "", slow},
		{"F40", "an agent's token revoked", "", tokenRevoked},
	}
}
