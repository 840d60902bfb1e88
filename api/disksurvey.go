package api

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
)

const (
	surveyFresh = time.Minute     // an answer is good for so long
	surveyWait  = 2 * time.Second // a request waits so long for one
	surveyMost  = 30 * time.Minute
)

// surveys counts the disk for whoever asks, once at a time: a folder with a
// million files takes a while, and a request must not.
type surveys struct {
	mu   sync.Mutex
	last *survey
}

// survey is one count. usage and err are readable once done is closed.
type survey struct {
	looked atomic.Int64
	done   chan struct{}
	usage  DiskUsage
	err    error
}

// get gives the count that is under way, a fresh one, or starts one.
func (v *surveys) get(start func(*survey)) *survey {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last == nil || v.last.stale() {
		v.last = &survey{done: make(chan struct{})}
		go start(v.last)
	}
	return v.last
}

func (s *survey) stale() bool {
	select {
	case <-s.done:
		return s.err != nil || time.Since(s.usage.At) > surveyFresh
	default:
		return false
	}
}

// diskUsage answers GET /usage/disk: 202 with how far it is, else what takes
// the room: for an admin all of it, for a user their own.
func (s *Server) diskUsage(c *call) error {
	folder, ok := s.opts.Blobs.(*blob.Folder)
	if !ok {
		return refuse(CodeOtherBlobs, "this server has no blobs of its own; ask the one that it takes them from (--blobs-from)")
	}
	v := s.surveys.get(func(v *survey) { s.survey(v, folder) })
	timer := time.NewTimer(surveyWait)
	defer timer.Stop()
	select {
	case <-v.done:
	case <-timer.C:
		return s.write(c, http.StatusAccepted, DiskUsage{Looked: v.looked.Load()})
	case <-c.ctx().Done():
		return c.ctx().Err()
	}
	if v.err != nil {
		return v.err
	}
	return s.write(c, http.StatusOK, v.usage.seenBy(c))
}

// survey counts until it is done, or the server stops.
func (s *Server) survey(v *survey, folder *blob.Folder) {
	defer close(v.done)
	ctx, cancel := context.WithTimeout(context.Background(), surveyMost)
	defer cancel()
	go func() {
		select {
		case <-s.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	counting := counting{scheduler: s.scheduler, store: s.opts.Store, tokens: s.opts.Tokens, folder: folder, looked: &v.looked}
	v.usage, v.err = counting.count(ctx)
}

// seenBy leaves a user their own sums.
func (u DiskUsage) seenBy(c *call) DiskUsage {
	if c.who.Role == auth.RoleAdmin {
		return u
	}
	own := DiskUsage{Done: true, Looked: u.Looked, At: u.At}
	if i := slices.IndexFunc(u.Users, func(d UserDisk) bool { return d.User == c.who.User }); i >= 0 {
		own.Users, own.DiskSum = u.Users[i:i+1], u.Users[i].DiskSum
	}
	return own
}
