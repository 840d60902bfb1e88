package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// section is a part of the page that is typed in a folder of its own.
type section struct {
	title    string
	commands []string
	left     []string // blocks that are not typed, with their reason
}

var (
	pageBlock   = regexp.MustCompile("(?ms)(?:^<!-- not run: ([^\n]*) -->\n)?^```console\n(.*?)^```")
	pageComment = regexp.MustCompile(` {2,}# .*$`)
)

func installPage(t *testing.T) (all []section) {
	t.Helper()
	text, err := os.ReadFile("../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(part, "\n")
		s := section{title: title}
		for _, block := range pageBlock.FindAllStringSubmatch(body, -1) {
			if block[1] != "" {
				s.left = append(s.left, block[1])
				continue
			}
			for line := range strings.SplitSeq(strings.TrimSpace(block[2]), "\n") {
				if command, ok := strings.CutPrefix(line, "$ "); ok {
					s.commands = append(s.commands, pageComment.ReplaceAllString(command, ""))
				}
			}
		}
		all = append(all, s)
	}
	return all
}

// TestInstallPage types docs/install.md, line by line, as a new admin does. Its
// conventions stand in a comment of the page.
func TestInstallPage(t *testing.T) {
	typed := 0
	for _, s := range installPage(t) {
		typed += len(s.commands)
		t.Run(s.title, func(t *testing.T) {
			for _, reason := range s.left {
				t.Log("not run: " + reason)
			}
			newReader(t).typeAll(s.commands)
		})
	}
	if typed < 14 {
		t.Errorf("only %d commands of the page were typed", typed)
	}
}

// reader is somebody who follows the page in an empty folder.
type reader struct {
	t       *testing.T
	dir     string
	env     []string
	names   *strings.Replacer
	printed string // by all commands so far
}

func newReader(t *testing.T) *reader {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	return &reader{
		t: t, dir: dir, names: strings.NewReplacer("gpu0.lab:5001", address, "0.0.0.0:5001", address, "127.0.0.1:5001", address, "/var/lib/mlq", data),
		env: []string{
			"PATH=" + filepath.Dir(binary) + ":" + os.Getenv("PATH"), "HOME=" + dir, "MLQ_DATA=" + data, "MLQ_GPUS=cpu:1", "MLQ_PYTHON=" + python,
		},
	}
}

func (r *reader) typeAll(commands []string) {
	r.t.Helper()
	for _, command := range commands {
		command = r.resolve(r.names.Replace(command))
		if words := strings.Fields(command); regexp.MustCompile(`^mlq (dev|serve|agent --)`).MatchString(command) {
			r.start(words[1:])
			continue
		}
		r.run(command)
	}
}

// resolve finds the line with … in what was printed before. What follows " < "
// is typed as it stands.
func (r *reader) resolve(command string) string {
	r.t.Helper()
	if !strings.Contains(command, "…") {
		return command
	}
	line, input, _ := strings.Cut(command, " < ")
	want := strings.ReplaceAll(regexp.QuoteMeta(line), "…", `[^\s…]+`)
	found := regexp.MustCompile(want).FindAllString(r.printed, -1)
	if found == nil {
		r.t.Fatalf("no command printed the line\n%s\nbut\n%s", line, r.printed)
	}
	last := found[len(found)-1]
	if input == "" {
		return last
	}
	return last + " < " + input
}

func (r *reader) start(args []string) {
	r.t.Helper()
	d, err := startDaemon(r.dir, r.env, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := d.stop(); err != nil {
			r.t.Error(err)
		}
	})
	if args[0] == "serve" {
		if err := eventually(startPatience, func() error {
			if !strings.Contains(d.out.String(), "mlq login ") {
				return fmt.Errorf("it does not say how its admin logs in:\n%s", d.out.String())
			}
			return nil
		}); err != nil {
			r.t.Fatal(err)
		}
	}
	r.printed += d.out.String()
}

func (r *reader) run(command string) {
	r.t.Helper()
	cmd := exec.Command("bash", "-ec", command)
	cmd.Dir, cmd.Env, cmd.WaitDelay = r.dir, r.env, time.Minute
	out, err := cmd.CombinedOutput()
	r.printed += string(out)
	if err != nil {
		r.t.Fatalf("$ %s\n%s%v", command, out, err)
	}
	if _, after, ok := strings.Cut(command, "-- echo "); ok && !strings.Contains(string(out), after) {
		r.t.Errorf("$ %s\nprinted\n%s", command, out)
	}
}
