package redisstore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// ours reads a file of deploy/redis, with passwords and this namespace put in.
func ours(t *testing.T, name string, more ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../../deploy/redis/" + name)
	if err != nil {
		t.Fatal(err)
	}
	more = append(more, "{lab}", "{n}", "PASSWORD OF THE SENTINELS", "pw-sentinels")
	for _, user := range []string{"admin", "mlq", "mlq-agent", "mlq-replica", "mlq-sentinel"} {
		digest := sha256.Sum256([]byte("pw-" + user))
		more = append(more, placeholder(user), "#"+hex.EncodeToString(digest[:]), "PASSWORD OF "+user, "pw-"+user)
	}
	return strings.NewReplacer(more...).Replace(string(text))
}

// placeholder stands in mlq-users.acl for what Redis knows of a user's password.
func placeholder(user string) string { return "#SHA256-OF-" + strings.ToUpper(user) + "-PASSWORD" }

// recommended starts a Redis as deploy/redis has it.
func recommended(t *testing.T, conf string, args ...string) *redistest.Server {
	t.Helper()
	users := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(users, []byte(ours(t, "mlq-users.acl")), 0o600); err != nil {
		t.Fatal(err)
	}
	return redistest.Conf(t, conf, append([]string{"--aclfile", users}, args...)...)
}

func as(user, url string) string { return strings.Replace(url, "://", "://"+user+":pw-"+user+"@", 1) }

// TestRecommendedRedis: a real Redis starts with the files of deploy/redis, lets in
// whom it should, and the start-up line says what docs/operate.md promises of it.
func TestRecommendedRedis(t *testing.T) {
	t.Parallel()
	server := recommended(t, ours(t, "mlq.conf"))
	s := open(t, as("mlq", server.URL("n")))
	commit(t, s, counting(read(t, s).Identity, "live:a"))
	if line := describe(t, s); !strings.Contains(line, "may lose the last second or two of what was acknowledged (AOF everysec)") {
		t.Errorf("described as %q", line)
	}
	if said := inspected(t, s); said != " | " {
		t.Errorf("it says %q", said)
	}
	agent := open(t, as("mlq-agent", server.URL("n")))
	if a, err := agent.Read(soon(t), store.Query{Keys: []string{"live:a"}}); err != nil || a.Records[0].Version != 1 {
		t.Errorf("the agent reads %+v, %v", a, err)
	}
	for _, url := range []string{server.URL("n"), strings.Replace(server.URL("n"), "://", "://default:pw-default@", 1)} {
		if _, err := redisstore.Open(soon(t), url); !errors.Is(err, redisstore.ErrConfig) {
			t.Errorf("%s: %v", url, err)
		}
	}
	rules, err := os.ReadFile("../../../deploy/redis/mlq-users.acl")
	if err != nil {
		t.Fatal(err)
	}
	for user, rule := range map[string]string{"mlq": redisstore.ServerACL("lab", "mlq"), "mlq-agent": redisstore.AgentACL("lab", "mlq-agent")} {
		if rule = strings.Replace(rule, ">PASSWORD", placeholder(user), 1); !strings.Contains(string(rules), "\nuser "+rule+"\n") {
			t.Errorf("mlq-users.acl has not the rule of %s:\n%s", user, rule)
		}
	}
}

// TestThreeSentinels: master, replica and three Sentinels as deploy/redis has them.
// The replica hangs, what it did not get is acknowledged, the master dies: that is
// lost, the store is another one, and who decided on what was there is told so.
func TestThreeSentinels(t *testing.T) {
	t.Parallel()
	both := ours(t, "mlq.conf") + ours(t, "mlq-replicated.conf")
	master := recommended(t, both)
	replica := recommended(t, both, "--replicaof", "127.0.0.1", fmt.Sprint(master.Port), "--repl-diskless-sync-delay", "0")
	replica.Await(t, "sync: Finished with success")
	conf := ours(t, "sentinel.conf", "port 26379\n", "", "ADDRESS\n", "\n", "MASTER 6379", fmt.Sprint("127.0.0.1 ", master.Port),
		"milliseconds mlq 5000", "milliseconds mlq 1000", "timeout mlq 15000", "timeout mlq 3000")
	var addrs []string
	var all []*redistest.Server
	for range 3 {
		s := redistest.SentinelConf(t, conf)
		all, addrs = append(all, s), append(addrs, s.Addr())
	}
	for _, s := range all {
		s.Await(t, "+slave slave")
		s.Await(t, "+sentinel sentinel")
	}
	url := as("mlq", fmt.Sprintf("redis+sentinel://%s/mlq/0?namespace=n", strings.Join(addrs, ",")))
	if _, err := redisstore.Open(soon(t), url); !errors.Is(err, redisstore.ErrConfig) {
		t.Errorf("without the Sentinels' password: %v", err)
	}
	s := open(t, url+"&sentinel_password=pw-sentinels")
	if line := describe(t, s); !strings.Contains(line, "AOF everysec") || !strings.Contains(line, "a failover may lose up to 10s of what was acknowledged (min-replicas-to-write 1)") {
		t.Errorf("described as %q", line)
	}
	identity := read(t, s).Identity
	commit(t, s, counting(identity, "a"))
	replica.Await(t, "sync: Finished with success")
	awaitCopied(t, master, replica)

	replica.Pause(t)
	fill := make([]byte, 8<<20)
	for i := range socketsTake(t)/len(fill) + 1 {
		commit(t, s, store.Commit{Identity: identity, Effects: []store.Effect{store.Put(fmt.Sprint("fill", i), fill)}})
	}
	commit(t, s, counting(identity, "b"))
	master.Kill(t)
	replica.Resume(t)
	for _, s := range all { // one that does not know it yet would name the old master, which comes back
		s.Await(t, "+switch-master mlq")
	}
	awaitProblem(t, s, "too few replicas follow it")
	master.Restart(t) // from now on a replica of its replica

	ctx := soon(t)
	r, err := s.Commit(ctx, counting(identity, "c"))
	for errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil {
		r, err = s.Commit(ctx, counting(identity, "c"))
	}
	if err != nil || r.Conflict != store.ConflictIdentity {
		t.Fatalf("commit after the failover: %+v, %v", r, err)
	}
	after := read(t, s, "a", "b", "c")
	if after.Records[0].Version == 0 || after.Records[1].Version != 0 || after.Records[2].Version != 0 || after.Identity == identity {
		t.Errorf("after the failover: %+v; want a alone, on another server", after)
	}
}

// socketsTake is how many bytes the kernel may hold of what one process has sent and
// another not read yet: a dead master's replica still gets them (32 MiB and 4 on Linux 6.18).
func socketsTake(t *testing.T) (bytes int) {
	t.Helper()
	for _, name := range []string{"tcp_rmem", "tcp_wmem"} {
		text, err := os.ReadFile("/proc/sys/net/ipv4/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var least, usual, most int
		if _, err := fmt.Sscan(string(text), &least, &usual, &most); err != nil {
			t.Fatal(err)
		}
		bytes += most
	}
	return bytes
}

// awaitProblem returns when Inspect tells of one.
func awaitProblem(t *testing.T, s *redisstore.Store, words string) {
	t.Helper()
	for ctx := soon(t); ; {
		problems, _, err := s.Inspect(ctx)
		if strings.Contains(strings.Join(problems, "; "), words) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("inspected: %q, %v; want %q", problems, err, words)
		}
	}
}

// awaitCopied returns when the replica has what the master has.
func awaitCopied(t *testing.T, master, replica *redistest.Server) {
	t.Helper()
	a, b := open(t, as("mlq", master.URL("n"))), client(t, replica)
	want := read(t, a).Revision
	for ctx := soon(t); ; {
		got, err := b.Get(ctx, "mlq:{n}:live:rev").Uint64()
		if err == nil && got == want {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the replica is at %d, %v; want %d", got, err, want)
		}
	}
}
