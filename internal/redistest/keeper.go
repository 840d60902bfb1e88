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
	lines chan string // what server and keeper print; closed when both are gone
	ended chan struct{}

	mu  sync.Mutex
	log []string
}

func newKeeper(dir string, command ...string) (*keeper, error) {
	cmd := exec.Command("sh", append([]string{"-c", keeperScript, "keeper", dir}, command...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C in the terminal must not skip its cleaning
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
	k := &keeper{stdin: stdin, lines: make(chan string, 1000), ended: make(chan struct{})}
	go k.listen(out, cmd.Wait)
	return k, nil
}

// listen keeps the last lines for a failure's message, and offers them all to
// whoever waits for one.
func (k *keeper) listen(out io.Reader, wait func() error) {
	defer close(k.ended)
	for scan := bufio.NewScanner(out); scan.Scan(); {
		k.mu.Lock()
		k.log = append(k.log, scan.Text())
		k.mu.Unlock()
		select {
		case k.lines <- scan.Text():
		default: // nobody waits
		}
	}
	_ = wait()
}

// tell gives a command and returns when a line with the wanted words comes.
func (k *keeper) tell(command, want string) error {
	for len(k.lines) > 0 { // what was printed before the command
		<-k.lines
	}
	if _, err := fmt.Fprintln(k.stdin, command); err != nil {
		return fmt.Errorf("redis-server's keeper is gone: %w", err)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case line := <-k.lines:
			if strings.Contains(line, want) {
				return nil
			}
			if strings.Contains(line, "Failed listening") || strings.Contains(line, "FATAL CONFIG") {
				return fmt.Errorf("redis-server does not start: %s", line)
			}
		case <-k.ended:
			return fmt.Errorf("redis-server's keeper ended:\n%s", k.tail())
		case <-late.C:
			return fmt.Errorf("redis-server did not %s:\n%s", command, k.tail())
		}
	}
}

// end makes the keeper kill the server, remove its folder and end.
func (k *keeper) end() {
	k.stdin.Close()
	<-k.ended
}

func (k *keeper) tail() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.log[max(0, len(k.log)-20):], "\n")
}
