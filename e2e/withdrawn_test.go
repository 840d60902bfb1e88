package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// beating is a program that writes the time to a file of its attempt, again and again.
const beating = `while :; do cut -d" " -f1 /proc/uptime >> %s/beats.$MLQ_ATTEMPT; sleep 0.02; done`

// TestWithdrawnAgents is F40: an agent that is not believed any more while its job runs
// ends the job before the lease does, says why, and asks no more often than before. The
// job runs on another host, and never on both at once.
func TestWithdrawnAgents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]withdrawal{
		"a token is revoked": {
			agent:    func(l *lab, _ *redistest.Server, _ string) { l.overHTTP("gpu1") },
			withdraw: func(l *lab, _ *redistest.Server) { l.revokeToken("gpu1") },
			says:     "the server does not take this agent's token (401); an admin makes one with mlq token create --role agent --user gpu1",
			refusals: true,
		},
		"a user of Redis is deleted": {
			agent:    onRedisAs,
			withdraw: func(l *lab, r *redistest.Server) { l.tellRedis(r, "ACL DELUSER mlq-agent") },
			says:     "WRONGPASS",
		},
		"a password of Redis is another": {
			agent: onRedisAs,
			withdraw: func(l *lab, r *redistest.Server) {
				l.tellRedis(r, "ACL SETUSER mlq-agent resetpass >another", "CLIENT KILL USER mlq-agent")
			},
			says: "WRONGPASS",
		},
		"a user of Redis may do nothing": {
			agent:    onRedisAs,
			withdraw: func(l *lab, r *redistest.Server) { l.tellRedis(r, "ACL SETUSER mlq-agent -@all") },
			says:     "NOPERM",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

type withdrawal struct {
	agent    func(l *lab, r *redistest.Server, namespace string)
	withdraw func(l *lab, r *redistest.Server)
	says     string // of the agent's log
	refusals bool   // by the server
}

func (c withdrawal) run(t *testing.T) {
	dir, redis, space := labDir(t), redistest.Start(t), redistest.Namespace(t)
	l := &lab{t: t, dir: dir, redis: redis.URL(space), gpus: "cpu:1"}
	l.servers = append(l.servers, l.start("serve", "--data", filepath.Join(dir, "server0")))
	l.admin = strings.TrimSpace(l.read("server0/admin.token"))
	c.agent(l, redis, space)
	l.eventually(`gpu1 +ok`, "hosts")
	bad := l.agent
	id := l.submit(fmt.Sprintf(beating, dir))
	l.beats(1)
	withdrawn := uptime(t)
	c.withdraw(l, redis)
	l.overHTTP("gpu2")
	next := l.beats(2)
	job := l.job(id)
	if first := job.Attempts[0]; len(job.Attempts) != 2 || first.Host != "gpu1" || job.Attempts[1].Host != "gpu2" || first.Outcome != scheduler.OutcomeLost {
		t.Errorf("the attempts are %+v", job.Attempts)
	}
	seconds := uptime(t) - withdrawn
	c.told(t, bad, seconds)
	// Ten times as often as with the times of the protocol.
	if n := l.asksInVain(); c.refusals != (n > 0) || float64(n) > 25*seconds {
		t.Errorf("the server refused %d requests in %.0f s", n, seconds)
	}
	l.mlq("cancel", id)
	err := eventually(stopPatience, func() error { // or it writes on while its folder goes
		if state := l.job(id).State; state != scheduler.Cancelled {
			return fmt.Errorf("the job is %s", state)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	last := l.beats(1) // now, when it had time to go on beside the second one
	timing := scheduler.DefaultTiming().Scale(10)
	if end := last[len(last)-1]; end >= next[0] || end > withdrawn+timing.Expire.Seconds() {
		t.Errorf("withdrawn at %.2f s; the first attempt ran until %.2f s, and the second one from %.2f s on", withdrawn, end, next[0])
	}
}

// told: the log has why, and for the time that it took no more lines than somebody reads.
func (c withdrawal) told(t *testing.T, agent *daemon, seconds float64) {
	log := agent.log.String()
	if !agent.running() {
		t.Errorf("the agent has ended: %v", agent.err)
	}
	for _, words := range []string{c.says, "cannot renew: the slots stop their jobs"} {
		if !strings.Contains(log, words) {
			t.Errorf("the log does not say %q", words)
		}
	}
	if warnings := strings.Count(log, `"level":"warn"`); warnings > 30 || t.Failed() {
		t.Errorf("%d warnings in %.0f s:\n%s", warnings, seconds, log)
	}
}

// asksInVain is how often the server has refused a token.
func (l *lab) asksInVain() (n int) {
	l.t.Helper()
	for line := range strings.Lines(text(l.t, l.get(l.t, l.servers[0].url, "/metrics"))) {
		if count, ok := strings.CutPrefix(line, `mlq_http_responses_total{code="401"} `); ok {
			n, _ = strconv.Atoi(strings.TrimSpace(count)) // 0 fails the test
		}
	}
	return n
}

// overHTTP starts an agent that asks the server.
func (l *lab) overHTTP(name string) {
	l.token(name, "agent")
	l.agent = l.daemonOf("agent", "--data", filepath.Join(l.dir, name), "--server", l.servers[0].url, "--token-file", filepath.Join(l.dir, name+".token"),
		"--name", name, "--gpus", l.gpus, "--python", python)
	l.eventually(name+` +ok`, "hosts")
}

// onRedisAs starts an agent that is on Redis as the user of the documentation.
func onRedisAs(l *lab, r *redistest.Server, namespace string) {
	l.more = append(l.more, "MLQ_STORE="+r.As(l.t, redistest.Documented(l.t, "../docs/operate.md", "mlq-agent", namespace), namespace))
	l.overHTTP("gpu1")
	l.more = l.more[:len(l.more)-1]
}

func (l *lab) tellRedis(r *redistest.Server, lines ...string) {
	for _, line := range lines {
		if got := r.Say(l.t, line); strings.HasPrefix(got, "-") {
			l.t.Fatalf("%s: %s", line, got)
		}
	}
}

func (l *lab) revokeToken(name string) {
	id, _ := token.Parse(l.read(name + ".token"))
	l.mlq("token", "revoke", id)
}

// beats are the times that an attempt has written, once it has.
func (l *lab) beats(attempt int) (times []float64) {
	l.t.Helper()
	path := filepath.Join(l.dir, fmt.Sprint("beats.", attempt))
	err := eventually(startPatience, func() error {
		text, err := os.ReadFile(path)
		if err == nil && !bytes.Contains(text, []byte("\n")) {
			err = fmt.Errorf("%s is empty", path)
		}
		for line := range strings.Lines(string(text)) {
			if at, err := strconv.ParseFloat(strings.TrimSpace(line), 64); err == nil {
				times = append(times, at)
			}
		}
		return err
	})
	if err != nil {
		l.t.Fatalf("attempt %d does not run: %v", attempt, err)
	}
	return times
}

// uptime is the time in seconds since boot, as the jobs write it.
func uptime(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	at, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
