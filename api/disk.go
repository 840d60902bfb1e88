package api

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
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
	look  func() (blob.Space, error)
	mu    sync.Mutex
	at    time.Time
	space blob.Space
	err   error
}

const diskRefresh = time.Second

func (d *disk) now() (blob.Space, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.at) < diskRefresh {
		return d.space, d.err
	}
	space, err := d.look()
	d.at, d.space, d.err = time.Now(), space, err
	return space, err
}

// writable refuses uploads and new jobs while the rest of the disk is kept
// for what already runs.
func (d *disk) writable() error {
	space, err := d.now()
	switch free := space.FreePercent(); {
	case err != nil:
		return err
	case space.ReadOnly:
		return refuse(CodeDiskFull, diskWords(syscall.EROFS))
	case free < diskFull:
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

// diskWords tells who asked that it is the server's disk that took nothing: what the
// system says would be read as theirs.
func diskWords(err error) string {
	if errors.Is(err, syscall.EROFS) {
		return "the server's disk is mounted read-only; nothing of this was kept, and an admin has to look at it"
	}
	return "the server's disk is full; nothing of this was kept, and an admin has to make room"
}
