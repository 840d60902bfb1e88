package e2e

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
)

// tokenHolder is a job that tells its own token by a file alone, and waits.
const tokenHolder = `
import os, time

def hold(folder):
    with open(os.open(folder + "/job.token", os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write(os.environ["MLQ_TOKEN"])
    while not os.path.exists(folder + "/gate"):
        time.sleep(0.02)
`

// TestTokensAreNowhere: tokens of people, hosts and jobs, a join code and the store's password
// stand in the files that are for them, and in no log, no error, no command line, and no record.
func TestTokensAreNowhere(t *testing.T) {
	t.Parallel()
	dir := labDir(t)
	folder := filepath.Join(dir, "redis")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	server, space := redistest.Start(t, "--dir", folder, "--rdbcompression", "no", "--save", "1", "1"), redistest.Namespace(t)
	const password = "pw-0b6cfe3ad1"
	rule := strings.Replace(redistest.Documented(t, "../docs/operate.md", "mlq", space), ">PASSWORD", ">"+password, 1)
	store := strings.Replace(server.As(t, rule, space), ":pw@", ":"+password+"@", 1)
	l := &lab{t: t, dir: dir, gpus: "cpu:2", more: []string{"MLQ_STORE=" + store, "MLQ_LOG_LEVEL=debug"}}
	l.servers = append(l.servers, l.daemonOf("serve", "--data", filepath.Join(dir, "server"), "--listen", "127.0.0.1:0"))
	l.admin = strings.TrimSpace(l.read("server/admin.token"))
	code := regexp.MustCompile(`--code (\S+)`).FindStringSubmatch(l.mlq("host", "add", "gpu7"))
	if code == nil {
		t.Fatal("no join code")
	}
	agent := l.token("gpu1", "agent")
	l.agent = l.daemonOf("agent", "--data", filepath.Join(dir, "agent"), "--server", l.servers[0].url,
		"--token-file", filepath.Join(dir, "gpu1.token"), "--name", "gpu1", "--gpus", l.gpus, "--python", python)
	l.eventually(`gpu1 +ok`, "hosts")
	ana := l.token("ana", "user")
	secrets := map[string]string{
		"an admin's token": l.admin, "a user's token": ana, "a host's token": agent, "a join code": code[1], "the store's password": password,
		"a job's token": l.tokenOfAJob(ana),
	}
	l.provoke(secrets)
	l.search(secrets)
	for _, d := range []*daemon{l.agent, l.servers[0]} {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		clean(t, secrets, "a daemon's log", d.log.String()+d.out.String())
	}
	if log := l.servers[0].log.String(); !strings.Contains(log, "audit") || !strings.Contains(log, "token-in-url") {
		t.Errorf("the log is not what was searched for:\n%s", log)
	}
}

// daemonOf starts a daemon whose store is in its environment.
func (l *lab) daemonOf(args ...string) *daemon {
	l.t.Helper()
	d, err := startDaemon(l.dir, l.env(), args...)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if d.running() {
			if err := d.stop(); err != nil {
				l.t.Error(err)
			}
		}
	})
	return d
}

// token makes a token, in a file of its user's name.
func (l *lab) token(user, role string) string {
	l.t.Helper()
	text := strings.TrimSpace(l.mlq("token", "create", "--user", user, "--role", role))
	if err := os.WriteFile(filepath.Join(l.dir, user+".token"), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return text
}

// tokenOfAJob starts a job that stays, and gives its token.
func (l *lab) tokenOfAJob(user string) string {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, "job.py"), []byte(tokenHolder), 0o644); err != nil {
		l.t.Fatal(err)
	}
	submitted := l.said(user, "submit", "job.py:hold", l.dir)
	var token string
	err := eventually(startPatience, func() error {
		text, err := os.ReadFile(filepath.Join(l.dir, "job.token"))
		if token = string(text); err == nil && token == "" {
			err = fmt.Errorf("the job has not written its token")
		}
		return err
	})
	if err != nil {
		l.t.Fatalf("%v\n%s", err, submitted)
	}
	return token
}

// said is what mlq says with a token in its environment, whether it succeeds or not.
func (l *lab) said(token string, args ...string) string {
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = l.dir, append(l.env(), "MLQ_URL="+l.servers[0].url, "MLQ_TOKEN="+token)
	out, _ := cmd.CombinedOutput() //nolint:errcheck // what it says counts, also of a failure
	return string(out)
}

// provoke makes mistakes with each of them, and looks at what is said.
func (l *lab) provoke(secrets map[string]string) {
	l.t.Helper()
	for name, secret := range secrets {
		for _, args := range [][]string{{"jobs"}, {"hosts"}, {"token", "list", "-o", "json"}, {"audit", "-o", "json"}, {"job", "1", "-o", "json"}, {"logs", "1"}, {"whoami"}} {
			clean(l.t, secrets, "mlq "+args[0]+" with "+name, l.said(secret, args...))
		}
		clean(l.t, secrets, "mlq with half of "+name, l.said(secret[:len(secret)/2], "jobs"))
		clean(l.t, secrets, "the answer to "+name+" in the query", l.inQuery(secret))
	}
	broken := exec.Command(binary, "serve", "--data", filepath.Join(l.dir, "other"), "--listen", "127.0.0.1:0")
	broken.Env = append(l.env(), "MLQ_STORE="+strings.Replace(l.more[0][len("MLQ_STORE="):], "@127.0.0.1:", "@127.0.0.1:1", 1))
	out, err := broken.CombinedOutput()
	if err == nil {
		l.t.Error("a server starts on a store that is not there")
	}
	clean(l.t, secrets, "a server without its store", string(out))
}

// inQuery is the answer to a secret in a URL.
func (l *lab) inQuery(secret string) string {
	l.t.Helper()
	response, err := http.Get(l.servers[0].url + "/jobs?access_token=" + url.QueryEscape(secret))
	if err != nil {
		l.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(body)
}

// search looks into each file but those that are for a token, and each command line.
func (l *lab) search(secrets map[string]string) {
	l.t.Helper()
	seen := false
	err := filepath.WalkDir(l.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, ".token") {
			return ignoreGone(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		seen = seen || strings.Contains(string(text), "auth:token")
		clean(l.t, secrets, path, string(text))
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if !seen {
		l.t.Error("no file of Redis has a token's record: this search would find nothing")
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		l.t.Fatal(lines, err)
	}
	for _, path := range lines {
		if line, err := os.ReadFile(path); err == nil { // else it has ended
			clean(l.t, secrets, path, string(line))
		}
	}
}

// clean looks for the first half of each secret: it is in the whole one, and what was cut, or
// was only half a one when it was typed, must not be said either.
func clean(t *testing.T, secrets map[string]string, where, text string) {
	t.Helper()
	for name, secret := range secrets {
		if strings.Contains(text, secret[:len(secret)/2]) {
			t.Errorf("%s has %s", where, name)
		}
	}
}
