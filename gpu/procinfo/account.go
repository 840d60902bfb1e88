package procinfo

import (
	"os/user"
	"strconv"
	"sync"
	"time"
)

const (
	// knownFor is how long a name counts: accounts are renamed rarely.
	knownFor = 5 * time.Minute
	// patience with the name service, which may ask a directory over the network
	// that does not answer. A look at a GPU does not wait for that.
	patience = 200 * time.Millisecond
)

// names are the accounts looked up so far.
var names = accounts{byUID: map[int]*lookup{}, find: user.LookupId}

type accounts struct {
	mu    sync.Mutex
	byUID map[int]*lookup
	find  func(uid string) (*user.User, error)
}

type lookup struct {
	done chan struct{} // closed when name and at are there
	name string
	at   time.Time
}

// account is the name of a user, "" if there is none or it is not told in time;
// then it may be there the next time.
func account(uid int) string { return names.name(uid) }

func (a *accounts) name(uid int) string {
	if uid < 0 {
		return ""
	}
	l := a.lookup(uid)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.done:
		return l.name
	case <-timer.C:
		return ""
	}
}

// lookup is the last one that still counts, or a new one; one at a time for a user.
func (a *accounts) lookup(uid int) *lookup {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.byUID[uid]; l != nil && l.counts() {
		return l
	}
	l := &lookup{done: make(chan struct{})}
	a.byUID[uid] = l
	go func() {
		defer close(l.done)
		if u, err := a.find(strconv.Itoa(uid)); err == nil {
			l.name = printable(u.Username)
		}
		l.at = time.Now()
	}()
	return l
}

func (l *lookup) counts() bool {
	select {
	case <-l.done:
		return time.Since(l.at) < knownFor
	default:
		return true // it is under way
	}
}
