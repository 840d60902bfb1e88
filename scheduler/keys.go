package scheduler

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// Every key of the store is made in this file. The first word says who may
// write it:
//
//	spec:   servers only; agents read
//	live:   servers and agents: the state of jobs, devices and the queue
//	agent:  servers and agents: what an agent says of its host, and what is said to it
//
// auth: (users and tokens) belongs to the servers' own code. What is left
// over without its job or its host has a TTL here or is found by Check.

// keyEpoch is the record of the store's identity that the namespace was
// adopted under (epochRecord). For ever.
const keyEpoch = "spec:epoch"

// keyGaps is the record of the ids that were never issued (gaps): written with the
// counter of ids where it jumps, read by lists alone. Before the first, those of an earlier
// build stand in keyEpoch's. For ever.
const keyGaps = "spec:gaps"

// keyIDs is the counter of job ids. For ever.
const keyIDs = "spec:ids"

// keySpec is the record of a job's spec: written by Submit, deleted by Purge.
func keySpec(id JobID) string { return "spec:job:" + idText(id) }

// keyFunctions is the record of the functions that a user registered, in their
// order ([]Function). From the first one on, for ever.
func keyFunctions(user string) string { return "spec:functions:" + user }

// keyFunctionUsers is the index of users who ever registered functions (member: name).
const keyFunctionUsers = "spec:functions"

// keyRegistered is the index of users who registered functions for which messages
// may wait (member: name): in by ChangeFunctions, out by Promote once none waits.
const keyRegistered = "spec:registered"

// keyLimits is the record of a user's limits (Limits): written with the user's own
// record, gone where there are none.
func keyLimits(user string) string { return "spec:limits:" + user }

// keyUsageDay is the record of what was used on a day (usageDay), by its number
// since 1970: written by FoldUsage, deleted usageDays later.
func keyUsageDay(day int64) string { return "spec:usage:" + strconv.FormatInt(day, 10) }

// keyUsageDone is the record of what is in the days already (usageDone). For ever.
const keyUsageDone = "spec:usage"

// keyOrders is the record of what admins ordered of a host's devices
// (ordersRecord): from the first order on, for ever, so that its number grows.
func keyOrders(host string) string { return "spec:orders:" + host }

// keyIdem is the record of an idempotency key (idemRecord). TTL: Timing.IdempotencyTTL.
func keyIdem(user, scope, key string) string {
	sum := sha256.Sum256([]byte(user + "\x00" + scope + "\x00" + key))
	return "spec:key:" + hex.EncodeToString(sum[:16])
}

// keyJob is the live record of a job (jobRecord): from Submit until Purge.
func keyJob(id JobID) string { return "live:job:" + idText(id) }

// keyResult is the record of a result envelope of up to InlineLimit bytes:
// written by Finish, deleted by Purge.
func keyResult(id JobID) string { return "live:result:" + idText(id) }

// keyDevice is the record of a device (deviceRecord): who holds it, and its
// last fence. From the first claim on, for ever.
func keyDevice(uuid string) string { return "live:dev:" + uuid }

// keyClasses is the index of the classes that have waiting jobs (member: the
// class's text). Submit adds, Check removes where the class's index is empty.
const keyClasses = "live:classes"

// keyQueue is the index of a class's waiting jobs, in order (member: entry.go).
func keyQueue(class string) string { return "live:queue:" + class }

// keyScheduled is the index of jobs that wait for a time (member: time, id).
const keyScheduled = "live:scheduled"

// keyAwaits is the index of scheduled messages by the functions that they wait for
// (member: user, function, id).
const keyAwaits = "live:awaits"

// keyDeadlines is the index of queue timeouts of waiting jobs (member: time, id).
const keyDeadlines = "live:deadlines"

// keyPurge is the index of ended jobs that are to be forgotten (member: time, id).
const keyPurge = "live:purge"

// keyCallbacks is the index of ended jobs whose callback has yet to be sent
// (member: time, id, user): in with the job's end, out by EndCallback.
const keyCallbacks = "live:callbacks"

// keySettled is the index of ended jobs that others follow (member: id): in
// by the end of the job, out by Promote once all followers were told.
const keySettled = "live:settled"

// keyFollowers is the index of the jobs that name id in after (member: id):
// in by Submit, out with the last follower told.
func keyFollowers(id JobID) string { return "live:after:" + idText(id) }

// keyActive is the index of a host's active jobs (member: id).
func keyActive(host string) string { return "live:active:" + host }

// keyHeld is the counter of devices that a user holds now.
func keyHeld(user string) string { return "live:held:" + user }

// keyWaiting is the counter of a user's scheduled and queued jobs (MaxQueued).
func keyWaiting(user string) string { return "live:waiting:" + user }

// keyQueued is the counter of a user's waiting jobs in one class (the rank).
func keyQueued(class, user string) string { return "live:queued:" + class + "\x00" + user }

// keyEnded is the counter of ended jobs that are kept, by state.
func keyEnded(s State) string { return "live:ended:" + string(s) }

// keyScheduledJobs is the counter of scheduled jobs.
const keyScheduledJobs = "live:scheduledjobs"

// keyRepairs is the counter of what Check repaired. For ever.
const keyRepairs = "live:repairs"

// keyEvents is the log of all events, capped at KeptEvents.
const keyEvents = "live:events"

// keyDurations is the log of the durations of successful attempts, of all the
// users and names that share the bucket, capped at keepDurations.
func keyDurations(bucket int) string { return "live:durations:" + strconv.Itoa(bucket) }

// keyUsageLog is the log of the attempts that ended in an hour, by its number since
// 1970: dropped by FoldUsage once all of it is in the days.
func keyUsageLog(hour int64) string { return "live:usage:" + strconv.FormatInt(hour, 10) }

// keyConsumers is the index of consumers (member: user, 0x00, id): in by Enter, out
// once nothing is heard of one any more.
const keyConsumers = "spec:consumers"

// keyConsumer is the record of a consumer (consumerRecord): with its member. It has
// an epoch and a heartbeat as hosts have, under its name as a host.
func keyConsumer(id string) string { return "spec:consumer:" + id }

// topicConsumers tells that a user's consumers may have work, or are to end (value: the user).
const topicConsumers = "live:consumers"

// topicChanges tells that a job changed (value: "id state").
const topicChanges = "live:changes"

// keyHosts is the index of hosts that ever joined (member: name): in by Join,
// out by Check after hostMemory without a sign of life.
const keyHosts = "agent:hosts"

// keyInventory is the record of a host's inventory: with the host.
func keyInventory(host string) string { return "agent:inventory:" + host }

// keyAgent is the record of the agent process that has this host's name now
// (agentRecord): claims and renewals are guarded by it. For ever, so that epochs grow.
func keyAgent(host string) string { return "agent:epoch:" + host }

// keyBeat is the record of a host's last heartbeat (beatRecord): with the host.
func keyBeat(host string) string { return "agent:beat:" + host }

// keyDrain is the record of what an admin closed on a host (drainRecord):
// written by servers, kept while anything is closed.
func keyDrain(host string) string { return "agent:drain:" + host }

// keyClosing is the index of hosts on which something is closed by a deadline,
// or was and some job has still to be told (member: name): in by Drain and
// Undrain, out by KeepDrains.
const keyClosing = "agent:closing"

// keyIdle is the index of hosts that have a free device and found nothing to
// do (member: name): wakes go to these.
const keyIdle = "agent:idle"

// keyReal is the index of hosts that have a device other than CPU slots
// (member: name): in by Join and Report, out by Report, Check and ForgetHost.
const keyReal = "agent:real"

// topicWake tells one host to look at the queue (value: "queue") or at its leases ("lease").
func topicWake(host string) string { return "agent:wake:" + host }

// Lengths of the capped logs.
const (
	// KeptEvents is how many events the log of all jobs keeps.
	KeptEvents    = 10_000
	keepDurations = 256
	// keepUsage bounds one hour's log while no server folds it: 290 ends per second.
	keepUsage = 1 << 20
)

func idText(id JobID) string { return strconv.FormatInt(int64(id), 10) }
