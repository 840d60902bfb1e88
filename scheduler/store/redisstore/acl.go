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
	connect   = "+hello +select +ping +info"
	scripts   = "+evalsha +eval +eval_ro"
	inScripts = "+time +info +get +getrange +exists +set +mset +unlink +incr +incrby +zcard +zadd +zrem +xlen +xadd +publish"
	readers   = "+mget +zrange +zlexcount +xrange"
	watchers  = "+subscribe +unsubscribe"
	snapshots = "+scan +type +pexpiretime +pexpire +xtrim"
	allowed   = connect + " " + scripts + " " + inScripts + " " + readers + " " + watchers
)

// ServerACL is the ACL rule of the user of `mlq serve`: anything in its namespace.
// Give it to ACL SETUSER, or to an ACL file after the word user, with the
// password put in for >PASSWORD.
func ServerACL(namespace, user string) string {
	return fmt.Sprintf("%s on >PASSWORD resetkeys ~mlq:{%s}:* resetchannels &mlq:{%s}:* -@all %s %s +config|get",
		user, namespace, namespace, allowed, snapshots)
}

// AgentACL is the ACL rule of the user of `mlq agent`: it writes live: and agent:,
// reads spec:, and sees nothing of auth:.
func AgentACL(namespace, user string) string {
	prefix := "mlq:{" + namespace + "}:"
	return fmt.Sprintf("%s on >PASSWORD resetkeys ~%slive:* ~%sagent:* %%R~%sspec:* resetchannels &%s* -@all %s",
		user, prefix, prefix, prefix, prefix, allowed)
}
