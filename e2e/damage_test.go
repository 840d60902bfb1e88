package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// kept is a kind of file that a server with an agent keeps, and what happens when one is damaged.
type kept struct {
	path string // a regular expression of the path below DATA
	// start is refused with the file's name; mended: the server starts and its log names it; or
	// why a start need not care.
	start string
}

const (
	refused = "refused"
	mended  = "mended"
)

// keptFiles has every kind of file that there is: a new one needs its row, and what becomes of
// a damaged one stands in docs/recovery.md.
var keptFiles = []kept{
	{`highest_job_id`, refused},
	{`store/store\.db`, refused},
	{`signing\.key`, refused},
	{`blobs/identity`, refused},
	{`blobs/store`, mended},
	{`agent/device-seed`, refused},
	{`agent\.token`, mended},
	{`agent/devices\.json`, mended},
	{`agent/host\.json`, mended},
	{`agent/tenants`, mended},
	{`agent/runner/[0-9a-f]{16}/mlq/.+\.py`, mended},
	{`agent/signers\.json`, mended},
	{`admin\.token`, "the store has the token; the file is for people"},
	{`secret\.key`, "read by who needs a secret (secrets.TestKeyFilesThatAreRefused)"},
	{`(serve|agent)\.(lock|pid)|store/store\.pid|agent/agent\.lock`, "a lock is what the kernel says; the text is for people"},
	{`blobs/blobs/../[0-9a-f]{64}`, "compared when it is used (api.TestDamagedBlobs, agent.TestDamagedPayload)"},
	{`blobs/logs/\d+\.\d+`, "logs have no sum"},
	{`blobs/swept`, "only its time counts"},
	{`agent/jobs/\d+\.json`, "read when the job comes again (agent.TestDamagedFilesOfAnAgent)"},
	{`agent/jobs/\d+/.*`, "the job's own"},
	{`agent/slots/[^/]+/attempt\.jsonl`, "empty without a job (slot.TestJournalWithAFlippedByte)"},
	{`agent/slots/[^/]+/(slot\.lock|slot\.log)`, "a lock; a text for people"},
	{`agent/spool/.+`, "compared when it is sent (slot.TestResultAfterTheHostWasRestarted)"},
	{`agent/cache/([0-9a-f]{64}|\.boot)`, "compared when it is used (agent.TestDamagedPayload)"},
	{`agent/runner/.+`, "not read by who has cloudpickle of its own, and compared as the .py files are"},
	{`agent/locks/.+`, "a lock"},
}

func serveWithAgent(data string) []string {
	return []string{"serve", "--with-agent", "--gpus", "cpu:1", "--python", python, "--data", data, "--listen", "127.0.0.1:0"}
}

// TestDamagedFiles lets a server with an agent live, and then damages all that it keeps, each kind
// in each way: what cannot be mended is refused with its name, the rest is mended with a line in the log.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	l := &lab{t: t, dir: dir}
	d := l.begin(serveWithAgent(data)...)
	l.servers, l.admin = []*daemon{d}, strings.TrimSpace(l.read("data/admin.token"))
	l.eventually(`ok +1/1`, "hosts")
	write(t, filepath.Join(dir, "f.py"), "def f(n):\n    open('out/file', 'w').write('kept')\n    print('said')\n    return b'x' * n\n")
	l.mlq("submit", "f.py:f", "20000")
	l.eventually(`^1 +succeeded`, "jobs")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	found := filesOf(t, data)
	copied := filepath.Join(dir, "copied")
	l.command("cp", "-a", data, copied)
	t.Run(refused, func(t *testing.T) {
		t.Parallel()
		refuses(t, l.env(), copied, found[refused])
	})
	t.Run(mended, func(t *testing.T) {
		t.Parallel()
		mends(&lab{t: t, dir: dir, admin: l.admin}, data, found[mended])
	})
}

// refuses starts a server once for each way in which each of the files may be damaged.
func refuses(t *testing.T, env []string, data string, paths []string) {
	t.Helper()
	for _, path := range paths {
		for what, damage := range damages {
			path := filepath.Join(data, path)
			whole := damaged(t, path, damage)
			start := exec.CommandContext(t.Context(), "timeout", append([]string{"--signal=KILL", "20", binary}, serveWithAgent(data)...)...)
			start.Env = env
			out, err := start.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 && exit.ExitCode() != 78 || !strings.Contains(string(out), filepath.Base(path)) || strings.Contains(string(out), "goroutine") {
				t.Errorf("%s, %s: %v\n%s", path, what, err, out)
			}
			back(t, path, whole)
		}
	}
}

// mends starts a server on files that are all damaged, and holds that it says so of each, and works.
func mends(l *lab, data string, paths []string) {
	l.t.Helper()
	for _, path := range paths {
		damaged(l.t, filepath.Join(data, path), damages["flipped"])
	}
	d := l.begin(serveWithAgent(data)...)
	l.servers = []*daemon{d}
	l.eventually(`ok +1/1`, "hosts")
	for _, path := range paths {
		said := func() error {
			base := filepath.Base(path)
			switch {
			case strings.HasPrefix(path, "agent/runner/"):
				base = ".damaged-"
			case path == "blobs/store":
				base = "remove the file store in the folder"
			}
			if !strings.Contains(d.log.String(), base) {
				return fmt.Errorf("of %s its log says nothing:\n%s", path, d.log.String())
			}
			return nil
		}
		if err := eventually(5*time.Second, said); err != nil {
			l.t.Error(err)
		}
	}
	l.mlq("submit", "f.py:f", "20000")
	l.eventually(`^2 +succeeded`, "jobs")
}

// filesOf lists what is in a data folder by what becomes of it, one file of each kind.
func filesOf(t *testing.T, data string) map[string][]string {
	t.Helper()
	found, seen := map[string][]string{}, map[string]bool{}
	err := filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !e.Type().IsRegular() {
			return err
		}
		rest, err := filepath.Rel(data, path)
		if err != nil {
			return err
		}
		for _, k := range keptFiles {
			if !regexp.MustCompile("^(" + k.path + ")$").MatchString(rest) {
				continue
			}
			if !seen[k.path] {
				seen[k.path] = true
				found[k.start] = append(found[k.start], rest)
			}
			return nil
		}
		t.Errorf("%s is of no kind that this test knows: what happens when it is damaged?", rest)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found[refused]) != 5 || len(found[mended]) < 4 {
		t.Errorf("found %q", found)
	}
	return found
}

// damages are what a disk does, and whoever puts something else in its place.
var damages = map[string]func(path string, whole []byte) error{
	"flipped": func(path string, whole []byte) error {
		// Of the store, a byte of an entry, in its old pages too; else one in the middle of the text.
		if other := strings.ReplaceAll(string(whole), "spec:schema", "spec:schemb"); other != string(whole) {
			return os.WriteFile(path, []byte(other), 0o600)
		}
		whole[len(whole)/2] ^= 1
		return os.WriteFile(path, whole, 0o600)
	},
	"0 bytes":  func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
	"a folder": func(path string, _ []byte) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
}

// damaged damages a file, and gives what it was.
func damaged(t *testing.T, path string, damage func(string, []byte) error) []byte {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := damage(path, []byte(string(whole))); err != nil {
		t.Fatal(err)
	}
	return whole
}

func back(t *testing.T, path string, whole []byte) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, whole, 0o600)); err != nil {
		t.Fatal(err)
	}
}
