package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// asAgent is a bare client with the agent's user, and one with all rights.
func asAgent(t *testing.T) (agent, root *redis.Client) {
	t.Helper()
	server := redistest.Start(t)
	server.As(t, documented(t, "mlq-agent"), "n")
	agent = redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "mlq-agent", Password: "pw", Protocol: 2, DisableIdentity: true})
	root = redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { agent.Close(); root.Close() })
	return agent, root
}

// TestAgentIsRefused: what somebody would try who has taken over a host.
func TestAgentIsRefused(t *testing.T) {
	t.Parallel()
	agent, root := asAgent(t)
	const live, spec, auth = "mlq:{n}:live:x", "mlq:{n}:spec:x", "mlq:{n}:auth:x"
	for _, key := range []string{live, spec, auth, "mlq:{other}:live:x", "x"} {
		if err := root.Set(soon(t), key, "1", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		"set " + spec + " 2", "unlink " + spec, "incr " + spec, "mset " + live + " 2 " + spec + " 2",
		"get " + auth, "mget " + live + " " + auth, "getrange " + auth + " 0 1", "set " + auth + " 2", "zrange " + auth + " 0 -1", "exists " + auth,
		"get mlq:{other}:live:x", "set mlq:{other}:live:x 2", "get x", "set x 2", "set mlq:{n}:lives 2", "set mlq:{n}:x 2", "set mlq:{N}:live:x 2",
		"keys *", "scan 0", "randomkey", "dbsize", "flushall", "flushdb", "swapdb 0 1", "rename " + live + " " + spec, "copy " + live + " " + spec,
		"config get requirepass", "config set requirepass x", "config set dir /tmp", "config rewrite", "acl list", "acl getuser mlq", "acl setuser mlq-agent +@all", "acl whoami",
		"script flush", "script load return", "script kill", "function load x", "function list", "fcall f 0", "module load /tmp/x.so", "debug sleep 0",
		"client list", "client kill type normal", "client pause 1", "monitor", "shutdown", "replicaof 127.0.0.1 1", "slaveof no one", "save", "bgsave", "bgrewriteaof",
		"psync ? -1", "sync", "cluster info", "migrate 127.0.0.1 1 x 0 1", "restore " + live + " 0 x", "dump " + live, "object encoding " + live, "sort " + live, "del " + live, "getdel " + live,
		"subscribe mlq:{other}:x", "subscribe x", "psubscribe *", "ssubscribe x", "publish mlq:{other}:x 1", "publish x 1", "pubsub channels",
		"slowlog get", "latency doctor", "memory doctor", "wait 0 0", "blpop " + live + " 1", "xrange mlq:{n}:live:events - +",
	} {
		words := strings.Fields(line)
		args := make([]any, len(words))
		for i, word := range words {
			args[i] = word
		}
		refuses(t, agent, args...)
	}
	for _, body := range []string{
		"return redis.call('get', '" + auth + "')", "return redis.call('set', '" + spec + "', 2)", "return redis.call('get', 'x')",
		"return redis.call('publish', 'x', 1)", "return redis.call('flushall')", "return redis.call('config', 'get', '*')", "return redis.call('keys', '*')",
	} {
		refuses(t, agent, "eval", body, 0)
		refuses(t, agent, "eval_ro", "#!lua flags=no-writes\n"+body, 0)
	}
	refuses(t, agent, "eval", "return redis.call('get', KEYS[1])", 1, auth)
	refuses(t, agent, "eval", "return 1", 1, spec) // a key that a script names counts as written
	for key, want := range map[string]string{live: "1", spec: "1", auth: "1", "x": "1", "mlq:{other}:live:x": "1"} {
		if got, err := root.Get(soon(t), key).Result(); got != want || err != nil {
			t.Errorf("afterwards %s is %q, %v", key, got, err)
		}
	}
}

func refuses(t *testing.T, agent *redis.Client, args ...any) {
	t.Helper()
	if err := agent.Do(soon(t), args...).Err(); !isRefusal(err) {
		t.Errorf("%q: %v; want NOPERM", args, err)
	}
}

func isRefusal(err error) bool {
	text := fmt.Sprint(err)
	return strings.HasPrefix(text, "NOPERM") || strings.HasPrefix(text, "EXECABORT") && strings.Contains(text, "NOPERM") ||
		strings.Contains(text, "The user executing the script") ||
		strings.Contains(text, "not allowed") // to anybody: MODULE, CONFIG in a script
}

// free are the commands that Redis refuses to nobody.
var free = []string{"auth", "quit", "reset", "hello"}

// TestAgentHasNoOtherCommand: of all commands that this Redis knows, the user has
// those of its rule; every other one is refused, with keys that it might touch.
func TestAgentHasNoOtherCommand(t *testing.T) {
	t.Parallel()
	agent, root := asAgent(t)
	infos, err := root.Command(context.Background()).Result()
	if err != nil || len(infos) < 200 {
		t.Fatalf("%d commands, %v", len(infos), err)
	}
	rule := strings.Fields(redisstore.AgentACL("n", "mlq-agent"))
	for name, info := range infos {
		if slices.Contains(rule, "+"+name) || slices.Contains(free, name) {
			continue
		}
		args := []any{name}
		for range max(info.Arity, -info.Arity) - 1 {
			args = append(args, "mlq:{n}:live:x")
		}
		err := agent.Do(soon(t), args...).Err()
		if !isRefusal(err) && !strings.Contains(fmt.Sprint(err), "unknown subcommand") {
			t.Errorf("%q: %v; want NOPERM", args, err)
		}
	}
}
