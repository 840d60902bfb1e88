package isolation

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// initOf plays systemd on a bus of the test: it records what it is asked for, and
// makes scopes as systemd does, by a folder in the cgroup2 tree into which it
// moves the process.
type initOf struct {
	t    *testing.T
	conn *dbus.Conn
	root string // its folder in the tree

	mu      sync.Mutex
	asked   []scopeAsked
	refuse  *dbus.Error // answer of the next starts
	result  string      // of their jobs; "" is done
	leaves  bool        // the process where it is, and says done
	hangs   chan struct{}
	version string
}

// scopeAsked is one StartTransientUnit.
type scopeAsked struct {
	name, mode string
	properties map[string]string // as busctl writes them
}

// startInit starts a bus with such an init on it, and makes it the system's.
func startInit(t *testing.T) *initOf {
	t.Helper()
	rootHere(t)
	at, _, err := mountPoint()
	if err != nil {
		t.Fatal(err)
	}
	address := startBus(t)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	s := &initOf{t: t, conn: conn, root: filepath.Join(at, "mlq-test-"+strconv.Itoa(os.Getpid())), version: "257.1-1"}
	slice := filepath.Join(s.root, jobsSlice)
	if err := os.MkdirAll(slice, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeGroups(s.root); err != nil {
			t.Error(err)
		}
		_ = conn.Close() // the bus may be gone already
	})
	for name, object := range map[string]any{
		"org.freedesktop.systemd1.Manager": (*initManager)(s), "org.freedesktop.DBus.Properties": (*initProperties)(s),
	} {
		if err := conn.Export(object, "/org/freedesktop/systemd1", name); err != nil {
			t.Fatal(err)
		}
	}
	if reply, err := conn.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	return s
}

// startBus starts a dbus-daemon with nothing but what the test puts on it.
func startBus(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	text := `<busconfig><type>session</type><listen>unix:path=` + filepath.Join(dir, "bus") + `</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--nosyslog", "--print-address=1", "--config-file="+config)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("no dbus-daemon (apt install dbus-daemon): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Log("dbus-daemon: ", said.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n') // when it listens
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (s *initOf) last() scopeAsked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

// initManager is org.freedesktop.systemd1.Manager.
type initManager initOf

// auxiliary is a unit beside the one that is asked for; ours has none.
type auxiliary struct {
	Name       string
	Properties []struct {
		Name  string
		Value dbus.Variant
	}
}

// StartTransientUnit answers with the job, and tells its end as a signal.
func (m *initManager) StartTransientUnit(name, mode string, properties []struct {
	Name  string
	Value dbus.Variant
}, _ []auxiliary,
) (dbus.ObjectPath, *dbus.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if hangs := m.hangs; hangs != nil {
		m.mu.Unlock()
		<-hangs
		m.mu.Lock()
		return "", dbus.MakeFailedError(errors.New("too late"))
	}
	asked := scopeAsked{name, mode, map[string]string{}}
	for _, p := range properties {
		asked.properties[p.Name] = p.Value.Signature().String() + " " + fmt.Sprint(p.Value.Value())
	}
	m.asked = append(m.asked, asked)
	if m.refuse != nil {
		return "", m.refuse
	}
	result := m.result
	if result == "" {
		result = "done"
	}
	if result == "done" && !m.leaves {
		dir := filepath.Join(m.root, jobsSlice, name)
		pid := strings.Trim(strings.TrimPrefix(asked.properties["PIDs"], "au "), "[]")
		if err := os.Mkdir(dir, 0o755); err != nil {
			return "", dbus.MakeFailedError(err)
		}
		if err := write(dir, procsFile, pid); err != nil {
			return "", dbus.MakeFailedError(err)
		}
	}
	number := uint32(len(m.asked))
	job := dbus.ObjectPath(fmt.Sprintf("/org/freedesktop/systemd1/job/%d", number))
	// Before the answer, as systemd may: the client must not miss it.
	go func() {
		_ = m.conn.Emit("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager.JobRemoved",
			number, job, name, result)
	}()
	return job, nil
}

// initProperties is org.freedesktop.DBus.Properties.
type initProperties initOf

// Get answers for the version.
func (p *initProperties) Get(_, name string) (dbus.Variant, *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name != "Version" || p.version == "" {
		return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", []any{name})
	}
	return dbus.MakeVariant(p.version), nil
}
