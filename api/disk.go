package api

import (
	"fmt"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
)

// Below these parts of free disk the server warns, and takes nothing new.
const (
	diskWarn = 10.0 // percent
	diskFull = 3.0
)

// disk remembers for a moment how full the folder of blobs is.
type disk struct {
	look func() (blob.Space, error)
	mu   sync.Mutex
	at   time.Time
	free float64 // percent
	err  error
}

const diskRefresh = time.Second

func (d *disk) percent() (float64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.at) < diskRefresh {
		return d.free, d.err
	}
	space, err := d.look()
	d.at, d.free, d.err = time.Now(), space.FreePercent(), err
	return d.free, d.err
}

// writable refuses uploads and new jobs while the rest of the disk is kept
// for what already runs.
func (d *disk) writable() error {
	free, err := d.percent()
	if err != nil {
		return err
	}
	if free < diskFull {
		return refuse(CodeDiskFull, fmt.Sprintf("%.1f %% of the server's disk is free; new jobs and uploads wait until an admin makes room", free))
	}
	return nil
}

// roomFor refuses uploads of payloads while little is left. What agents send
// are results and files of jobs that run: the rest of the disk is kept for
// those. What not even that has room for is refused by the disk itself
// (ENOSPC), and the agent keeps it and tries again.
func (s *Server) roomFor(c *call) error {
	switch c.who.Role {
	case auth.RoleAgent, auth.RoleServer: // a server has looked before it passed an upload on
		return nil
	}
	return s.disk.writable()
}
