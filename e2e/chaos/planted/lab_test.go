package planted

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/e2e/chaos/check"
	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/internal/faultproxy"
	"github.com/mlq-dev/mlq/internal/redistest"
)

// lab is a Redis, a server, and hosts that speak to the Redis over links.
type lab struct {
	t      *testing.T
	build  string // which mlq
	bug    string // that is planted in it; "": none
	scale  int
	dir    string
	redis  *redistest.Server
	space  string
	server *process
	token  string // an admin's
	record *record.Writer
	hosts  []*host // that were started
}

// host is one agent with one device.
type host struct {
	l    *lab
	name string
	link *faultproxy.Link // to Redis, or to the server
	args []string
	*process
}

func newLab(t *testing.T, build, bug string, scale int) *lab {
	t.Helper()
	l := &lab{t: t, build: build, bug: bug, scale: scale, dir: t.TempDir(), space: redistest.Namespace(t)}
	// What Redis acknowledges is kept once SAVE was said, and not before.
	l.redis = redistest.Start(t, "--appendonly", "no")
	var err error
	l.record, err = record.Append(filepath.Join(l.dir, "run.jsonl"))
	l.must(err)
	t.Cleanup(func() { l.record.Close() })
	l.must(os.WriteFile(l.truth(), nil, 0o600)) // where nothing ever runs
	l.must(record.Write(l.record, record.World{Scale: float64(scale), BootNS: l.now(), UnixNS: time.Now().UnixNano()}))
	t.Cleanup(l.endSlots) // the last of all
	l.server = l.start("server", "serve", "--data", filepath.Join(l.dir, "server"), "--listen", "127.0.0.1:0", "--store", l.redis.URL(l.space))
	token, err := os.ReadFile(filepath.Join(l.dir, "server", "admin.token"))
	l.must(err)
	l.token = string(token[:len(token)-1])
	return l
}

// truth is the file that jobs write.
func (l *lab) truth() string { return filepath.Join(l.dir, "truth.jsonl") }

func (l *lab) now() int64 { return int64(boottime.Now()) }

// host adds a host that speaks to Redis itself, and starts its agent.
func (l *lab) host(name string) *host {
	l.t.Helper()
	h := l.newHost(name)
	h.start()
	return h
}

func (l *lab) newHost(name string) *host {
	l.t.Helper()
	link := redistest.NewProxy(l.t, l.redis.Addr())
	return l.add(name, link.Link, "--server", l.server.url, "--store", link.URL(l.space))
}

// guest is host, for one that speaks to the server only.
func (l *lab) guest(name string) *host {
	l.t.Helper()
	link, err := faultproxy.Listen(strings.TrimPrefix(l.server.url, "http://"), faultproxy.HTTP, 0)
	l.must(err)
	l.t.Cleanup(link.Close)
	h := l.add(name, link, "--server", "http://"+link.Addr())
	h.start()
	return h
}

func (l *lab) add(name string, link *faultproxy.Link, to ...string) *host {
	l.t.Helper()
	h := &host{l: l, name: name, link: link}
	h.args = append([]string{"agent", "--data", h.folder(), "--name", name, "--gpus", "cpu:1", "--python", python, "--token-file", h.folder() + ".token"}, to...)
	var made struct {
		Token string `json:"token"`
	}
	l.ask("POST", "/tokens", map[string]any{"user": name, "role": "agent"}, &made)
	l.must(os.WriteFile(h.folder()+".token", []byte(made.Token), 0o600))
	return h
}

// start starts the agent; again, where it has ended.
func (h *host) start() {
	h.l.t.Helper()
	h.process = h.l.start(h.name, h.args...)
	if !slices.Contains(h.l.hosts, h) {
		h.l.hosts = append(h.l.hosts, h)
	}
}

// revive starts agents that have ended, as their units do: one whose join was
// long without an answer may take itself for replaced.
func (l *lab) revive() {
	l.t.Helper()
	for _, h := range l.hosts {
		select {
		case <-h.ended:
			h.start()
		default:
		}
	}
}

func (h *host) folder() string { return filepath.Join(h.l.dir, h.name) }

// judge ends the scenario: it waits until each job has ended, writes down what
// is there, and gives the checker's judgement.
func (l *lab) judge(jobs ...int64) check.Report {
	l.t.Helper()
	for _, id := range jobs {
		var job api.Job
		l.eventually("a job ends", func() error {
			l.revive()
			job = l.get(id)
			if job.State.Final() {
				return nil
			}
			return notYetError{"ended, it is " + string(job.State)}
		})
		l.must(record.Write(l.record, record.View(&job)))
	}
	rec, err := record.Read(filepath.Join(l.dir, "run.jsonl"), l.truth())
	l.must(err)
	return check.Run(rec, l.dir)
}
