package isolation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

const (
	scopeSuffix = ".scope"
	// jobsSlice holds the scopes of all jobs of the host: nothing of the agent's
	// unit, so that stopping or restarting that ends none of them.
	jobsSlice = "mlq.slice"
	// stopTimeout: who stops a scope, or the host, gives the job this long after SIGTERM.
	stopTimeout = 15 * time.Second
	// scopePatience bounds the answer of systemd.
	scopePatience = 20 * time.Second
	// oomPolicySince is the systemd that lets scopes have an OOMPolicy (its NEWS, 253).
	oomPolicySince = 253
)

// manager is a line to systemd.
type manager struct {
	conn    *systemd.Conn
	version int
}

// dial asks systemd over the system bus who it is.
func dial() (*manager, error) {
	// Not bounded by a context: go-systemd closes the line when that ends.
	conn, err := systemd.NewSystemConnectionContext(context.Background())
	if err != nil {
		return nil, fmt.Errorf("no system bus: %w", err)
	}
	text, err := conn.GetManagerProperty("Version")
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("systemd does not answer: %w", err)
	}
	m := &manager{conn: conn}
	// As `"252.38-1~deb12u1"`, or `"v257"` of builds by hand.
	if _, err := fmt.Sscanf(text, `"%d`, &m.version); err != nil {
		_, _ = fmt.Sscanf(text, `"v%d`, &m.version) // 0 is older than all
	}
	return m, nil
}

func (m *manager) alive() bool { return m.conn.Connected() }

// makeScope has systemd make the group with the process in it. When it returns
// the kernel says so too.
func (m *manager) makeScope(ctx context.Context, s Spec, pid int, allowed []Node) (*Group, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, scopePatience, errors.New("systemd takes too long"))
	defer cancel()
	done := make(chan string, 1)
	name := s.Name + scopeSuffix
	if _, err := m.conn.StartTransientUnitContext(ctx, name, "fail", properties(s, pid, allowed, m.version), done); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return nil, fmt.Errorf("start %s: systemd says %s", name, result)
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("start %s: %w", name, context.Cause(ctx))
	}
	dir, err := folderOf(pid)
	if err != nil {
		return nil, err
	}
	return Adopt(&s, dir)
}

// properties are those of the scope: systemd.scope(5), systemd.resource-control(5),
// systemd.kill(5), with the types of org.freedesktop.systemd1(5). Nothing ties
// it to the agent's unit.
func properties(s Spec, pid int, allowed []Node, version int) []systemd.Property {
	p := []systemd.Property{
		property("Description", "Job of MLQ, "+s.Name),
		property("Slice", jobsSlice),
		property("PIDs", []uint32{uint32(pid)}),
		property("CollectMode", "inactive-or-failed"), // nothing of it stays to be looked at
		property("KillMode", "control-group"),
		property("SendSIGKILL", true),
		property("TimeoutStopUSec", uint64(stopTimeout.Microseconds())),
		property("TasksMax", orInfinity(s.Processes)), // not the manager's default
	}
	if s.Memory > 0 {
		p = append(p, property("MemoryMax", uint64(s.Memory)), property("MemorySwapMax", uint64(0)))
	}
	if version >= oomPolicySince {
		p = append(p, property("OOMPolicy", "kill"))
	}
	if s.Devices {
		p = append(p, property("DevicePolicy", "closed"), property("DeviceAllow", deviceAllow(allowed)))
	}
	return p
}

func property(name string, value any) systemd.Property {
	return systemd.Property{Name: name, Value: dbus.MakeVariant(value)}
}

func orInfinity(n int64) uint64 {
	if n == 0 {
		return math.MaxUint64
	}
	return uint64(n)
}

// allowance is a line of DeviceAllow.
type allowance struct{ Path, Access string }

// deviceAllow names the devices by their numbers, which systemd reads without
// looking for a file: so what it decides does not change when it reads its units
// anew while a file is not there.
func deviceAllow(allowed []Node) []allowance {
	list := []allowance{}
	for _, n := range allowed {
		list = append(list, allowance{n.path(), n.Access})
	}
	return list
}

func (n Node) path() string {
	kind := "char"
	if n.Block {
		kind = "block"
	}
	if n.Minor == AnyMinor {
		return kind + "-" + n.Name
	}
	return fmt.Sprintf("/dev/%s/%d:%d", kind, n.Major, n.Minor)
}
