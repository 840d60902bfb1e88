package report

// Target is a promise about one metric: of MLQ alone, or as a ratio to a peer
// in the same run.
type Target struct {
	Figure  string
	Metric  string
	Subject string // whose: "mlq" or a variant of it
	Peer    string // the median to divide by; "": the value itself is compared
	Limit   float64
	AtLeast bool // the limit is a floor, not a ceiling
	Stretch bool // hoped for, not promised
}

// Names of subjects.
const (
	MLQ       = "mlq"
	MLQHTTP   = "mlq, source over HTTP"
	MLQKept   = "mlq, a kept function"
	RQ        = "rq, fork per job"
	Celery    = "celery, prefork"
	ChiScript = "chi + one script"
	Loopback  = "copy over loopback"
	OnStandIn = "mlq, a GPU of NVML's stand-in"

	AgentAndProbe = "agent and probe"
)

// Metrics of T9's memory.
const (
	ClientMemory = "most memory of the client beside its array before"
	RunnerMemory = "most memory of the runner"
	StreamMemory = "most memory"
)

// payloadOnce is 1 GiB and the 64 that client and runner may have beside it, in MiB.
const payloadOnce = 1024 + 64

// Smallest is the subject that the others of T5 are divided by.
const Smallest = "1,000 queued, 1 user"

// Targets are all promises that this benchmark checks, in order.
var Targets = []Target{
	{Figure: "T1", Metric: "submit to result, p50", Subject: MLQ, Peer: RQ, Limit: 0.4},
	{Figure: "T1", Metric: "submit to result, p99", Subject: MLQ, Peer: RQ, Limit: 1},
	{Figure: "T1", Metric: "submit to result, p50", Subject: MLQ, Peer: Celery, Limit: 1, Stretch: true},
	{Figure: "T2", Metric: "submit to start, p50", Subject: MLQ, Peer: Celery, Limit: 1.5},
	{Figure: "T3", Metric: "enqueue, 64 connections", Subject: MLQ, Peer: ChiScript, Limit: 0.55, AtLeast: true},
	{Figure: "T3", Metric: "enqueue, 64 connections", Subject: MLQ, Limit: 15_000, AtLeast: true}, // 10 × the predecessor
	{Figure: "T4", Metric: "10,000 jobs in one call", Subject: MLQ, Limit: 30_000, AtLeast: true},
	{Figure: "T4", Metric: "10,000 jobs in one call", Subject: MLQ, Limit: 60_000, AtLeast: true, Stretch: true},
	{Figure: "T5", Metric: "submit, p50", Subject: "100,000 queued, 1 user", Peer: Smallest, Limit: 1.2},
	{Figure: "T5", Metric: "submit, p50", Subject: "100,000 queued, 1,000 users", Peer: Smallest, Limit: 1.2},
	{Figure: "T5", Metric: "claim, p50", Subject: "100,000 queued, 1 user", Peer: Smallest, Limit: 1.2},
	{Figure: "T5", Metric: "claim, p50", Subject: "100,000 queued, 1,000 users", Peer: Smallest, Limit: 1.2},
	{Figure: "T5", Metric: "submit, p50", Subject: "1,000,000 queued, 1 user", Peer: Smallest, Limit: 1.2},
	{Figure: "T5", Metric: "submit, p50", Subject: "1,000,000 queued, 1,000 users", Peer: Smallest, Limit: 1.2},
	{Figure: "T5", Metric: "claim, p50", Subject: "1,000,000 queued, 1 user", Peer: Smallest, Limit: 1.2},
	{Figure: "T5", Metric: "claim, p50", Subject: "1,000,000 queued, 1,000 users", Peer: Smallest, Limit: 1.2},
	{Figure: "T6", Metric: "Redis memory per queued job", Subject: MLQ, Limit: 600},
	{Figure: "T7", Metric: "Redis, at rest", Subject: MLQ, Limit: 0.2},
	{Figure: "T7", Metric: "Redis, 20 jobs/s", Subject: MLQ, Limit: 0.2},
	{Figure: "T7", Metric: "submit to start, p99", Subject: MLQ, Limit: 100},
	{Figure: "T8", Metric: "end of a job to start of the next, p50", Subject: MLQ, Limit: 50},
	{Figure: "T8", Metric: "end of a job to start of the next, p50", Subject: OnStandIn, Limit: 50},
	{Figure: "T9", Metric: "1 GiB", Subject: MLQ + ", argument", Peer: Loopback, Limit: 0.5, AtLeast: true},
	{Figure: "T9", Metric: "1 GiB", Subject: MLQ + ", result", Peer: Loopback, Limit: 0.5, AtLeast: true},
	{Figure: "T9", Metric: ClientMemory, Subject: "argument", Limit: 64}, // it had the array before
	{Figure: "T9", Metric: ClientMemory, Subject: "result", Limit: payloadOnce},
	{Figure: "T9", Metric: RunnerMemory, Subject: "argument", Limit: payloadOnce},
	{Figure: "T9", Metric: RunnerMemory, Subject: "result", Limit: payloadOnce},
	{Figure: "T9", Metric: StreamMemory, Subject: "server", Limit: 64},
	{Figure: "T9", Metric: StreamMemory, Subject: "agent", Limit: 64},
	{Figure: "T10", Metric: "cancel to tree gone, minus grace", Subject: MLQ, Limit: 1_000},
	{Figure: "T11", Metric: "host lost to its job on another", Subject: MLQ, Limit: 80},
	{Figure: "T11", Metric: "agent started again to its job's end", Subject: MLQ, Limit: 2},
	{Figure: "interrupt", Metric: "stop to idle, worst", Subject: "queued, result", Limit: 500},
	{Figure: "interrupt", Metric: "stop to idle, worst", Subject: "running, result", Limit: 500},
	{Figure: "interrupt", Metric: "stop to idle, worst", Subject: "flood, result", Limit: 500},
	{Figure: "interrupt", Metric: "stop to idle, worst", Subject: "download, result", Limit: 500},
	{Figure: "interrupt", Metric: "stop to idle, worst", Subject: "frozen, result", Limit: 500},
	{Figure: "interrupt", Metric: "stop to idle, worst", Subject: "queued, run", Limit: 500},
	{Figure: "interrupt", Metric: "stop to idle, worst", Subject: "running, run", Limit: 500},
	{Figure: "interrupt", Metric: "stop to idle, worst", Subject: "flood, run", Limit: 500},
	{Figure: "interrupt", Metric: "stop to idle, worst", Subject: "download, run", Limit: 500},
	{Figure: "interrupt", Metric: "stop to idle, worst", Subject: "frozen, run", Limit: 500},
	{Figure: "T13", Metric: "share of a core, idle", Subject: AgentAndProbe, Limit: 1},
	{Figure: "T13", Metric: "memory (PSS)", Subject: AgentAndProbe, Limit: 40},
	{Figure: "N1", Metric: "submit returns, p50", Subject: MLQ, Limit: 5},
	{Figure: "N2", Metric: "import mlq, p50", Subject: MLQ, Limit: 100},
}

// Met reports whether a value, or a ratio where there is a peer, keeps the promise.
func (t Target) Met(value float64) bool {
	if t.AtLeast {
		return value >= t.Limit
	}
	return value <= t.Limit
}
