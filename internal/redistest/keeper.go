package redistest

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

//go:embed keeper.sh
var keeperScript string

// patience is how long a server may take to do what it is told.
const patience = 20 * time.Second

// keeper runs one server as the child of a shell that ends it when this process
// ends, however it ends.
type keeper struct {
	stdin io.WriteCloser
	ended chan struct{} // closed when the shell has ended

	mu      sync.Mutex
	lines   []string      // all that server and keeper have printed
	printed chan struct{} // closed, and replaced, at each line
}

func newKeeper(dir string, command ...string) (*keeper, error) {
	cmd := exec.Command("sh", append([]string{"-c", keeperScript, "keeper", dir}, command...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must not skip its cleaning
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	k := &keeper{stdin: stdin, ended: make(chan struct{}), printed: make(chan struct{})}
	go func() {
		defer close(k.ended)
		k.listen(out)
		_ = cmd.Wait() // the status of a killed server says nothing
	}()
	return k, nil
}

func (k *keeper) listen(out io.Reader) {
	for scan := bufio.NewScanner(out); scan.Scan(); {
		k.mu.Lock()
		k.lines = append(k.lines, scan.Text())
		close(k.printed)
		k.printed = make(chan struct{})
		k.mu.Unlock()
	}
}

// tell gives a command and returns when a line after it has the wanted words.
func (k *keeper) tell(command, want string) error {
	k.mu.Lock()
	from := len(k.lines)
	k.mu.Unlock()
	if _, err := fmt.Fprintln(k.stdin, command); err != nil {
		return fmt.Errorf("redis-server's keeper is gone: %w", err)
	}
	return k.await(from, want)
}

// await returns when a line from the given one on has the wanted words.
func (k *keeper) await(from int, want string) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		k.mu.Lock()
		lines, printed := k.lines[from:], k.printed
		k.mu.Unlock()
		if found, err := search(lines, want); found || err != nil {
			return err
		}
		select {
		case <-printed:
		case <-k.ended:
			return fmt.Errorf("redis-server's keeper ended:\n%s", strings.Join(lines, "\n"))
		case <-late.C:
			return fmt.Errorf("redis-server did not say %q:\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

func search(lines []string, want string) (bool, error) {
	for _, line := range lines {
		if strings.Contains(line, want) {
			return true, nil
		}
		if strings.Contains(line, portTaken) || strings.Contains(line, "FATAL CONFIG") {
			return false, fmt.Errorf("redis-server does not start: %s", line)
		}
	}
	return false, nil
}

// portTaken is what a server says that cannot have its port.
const portTaken = "Failed listening"

// end makes the keeper kill the server, remove its folder and end.
func (k *keeper) end() {
	k.stdin.Close()
	<-k.ended
}
