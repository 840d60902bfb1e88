package redisstore

import "fmt"

// What users of a shared Redis may do. Lock each of MLQ's users into its
// namespace, and agents out of what they have no business writing: a host that
// is taken over must not be able to make tokens, nor to change what other hosts
// will run.
//
// A script is checked twice: its keys before it begins, as keys that it writes,
// and each command in it as it comes. So the commands of the scripts must be
// allowed, and an agent's commit may only name keys that an agent may write.
const (
	connect   = "+select +ping +info" // HELLO and AUTH are refused to nobody
	scripts   = "+evalsha +eval +eval_ro"
	inScripts = "+time +get +getrange +exists +set +mset +unlink +incr +incrby +zcard +zadd +zrem +xlen +xadd +publish"
	readers   = "+mget +zrange +zlexcount"
	watchers  = "+subscribe +unsubscribe"
	logs      = "+xrange" // which agents write and never read
	snapshots = "+scan +type +pexpiretime +pexpire +xtrim"
	allowed   = connect + " " + scripts + " " + inScripts + " " + readers + " " + watchers
)

// ServerACL is the ACL rule of the user of `mlq serve`: anything in its namespace.
// Give it to ACL SETUSER, or to an ACL file after the word user, with the
// password put in for >PASSWORD.
func ServerACL(namespace, user string) string {
	return fmt.Sprintf("%s on >PASSWORD resetkeys ~mlq:{%s}:* resetchannels &mlq:{%s}:* -@all %s %s %s +config|get",
		user, namespace, namespace, allowed, logs, snapshots)
}

// AgentACL is the ACL rule of the user of `mlq agent`: it writes live: and agent:,
// reads spec:, and sees nothing of auth:.
func AgentACL(namespace, user string) string {
	prefix := "mlq:{" + namespace + "}:"
	return fmt.Sprintf("%s on >PASSWORD resetkeys ~%slive:* ~%sagent:* %%R~%sspec:* resetchannels &%s* -@all %s",
		user, prefix, prefix, prefix, prefix, allowed)
}
