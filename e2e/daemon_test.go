package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds of what a test waits for; each is far above what a busy machine takes.
const (
	startPatience = 60 * time.Second
	stopPatience  = 30 * time.Second
)

// announced is the line that a daemon prints when it is ready.
var announced = regexp.MustCompile(`^mlq (dev|serve|agent) (?:at|for) (\S+)`)

// daemon is a running mlq dev, serve or agent.
type daemon struct {
	cmd   *exec.Cmd
	url   string // of the server that it is, or speaks to
	log   output // its standard error
	out   output // its standard output
	ended chan struct{}
	err   error // of its end, once ended is closed
}

// output is a buffer that may be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// startDaemon starts mlq with args and returns when it has announced itself.
func startDaemon(dir string, env []string, args ...string) (*daemon, error) {
	return startBuild(binary, dir, env, args...)
}

// startBuild is startDaemon with another build of mlq.
func startBuild(build, dir string, env []string, args ...string) (*daemon, error) {
	d := &daemon{cmd: exec.Command(build, args...), ended: make(chan struct{})}
	d.cmd.Dir, d.cmd.Env, d.cmd.Stderr = dir, env, &d.log
	// In a session of its own, so that Ctrl-C in the terminal of the tests
	// reaches the tests, which then end it.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	url := make(chan string, 1)
	go d.read(stdout, url)
	select {
	case d.url = <-url:
		return d, nil
	case <-d.ended:
		return nil, fmt.Errorf("mlq %s ended before it was ready: %w\n%s", strings.Join(args, " "), d.err, d.log.String())
	case <-time.After(startPatience):
		d.kill()
		return nil, fmt.Errorf("mlq %s was not ready within %s\n%s", strings.Join(args, " "), startPatience, d.log.String())
	}
}

// read copies the daemon's output and finds the announcement in it.
func (d *daemon) read(stdout io.Reader, url chan<- string) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		fmt.Fprintln(&d.out, lines.Text())
		if found := announced.FindStringSubmatch(lines.Text()); found != nil {
			url <- found[2]
		}
	}
	d.err = d.cmd.Wait()
	close(d.ended)
}

// signal sends a signal and waits for the daemon's end. It returns the exit code.
func (d *daemon) signal(s os.Signal) (int, error) {
	if err := d.cmd.Process.Signal(s); err != nil {
		return 0, err
	}
	select {
	case <-d.ended:
		return d.cmd.ProcessState.ExitCode(), nil
	case <-time.After(stopPatience):
		d.kill()
		return 0, fmt.Errorf("mlq did not end within %s of %s\n%s", stopPatience, s, d.log.String())
	}
}

// stop ends the daemon as an admin does; any exit code but 0 is an error.
func (d *daemon) stop() error {
	code, err := d.signal(syscall.SIGTERM)
	if err == nil && code != 0 {
		err = fmt.Errorf("mlq ended with exit code %d\n%s", code, d.log.String())
	}
	return err
}

// kill ends the daemon without asking it; one that has ended is left alone.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// running reports whether the daemon has not ended.
func (d *daemon) running() bool {
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

// eventually asks until a condition holds, at most for so long.
func eventually(within time.Duration, condition func() error) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-deadline.C:
			return fmt.Errorf("not within %s: %w", within, err)
		case <-ticker.C:
		}
	}
}
