package agent

import (
	"slices"
	"strings"
	"sync"
)

// lines are the links to the slots of all devices. The loop of the devices adds
// and removes, everybody reads.
type lines struct {
	mu     sync.Mutex
	byUUID map[string]*link
}

// of gives the link of a device; nil: it has none (any more).
func (l *lines) of(uuid string) *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byUUID[uuid]
}

// all lists them in a fixed order.
func (l *lines) all() []*link {
	l.mu.Lock()
	defer l.mu.Unlock()
	links := make([]*link, 0, len(l.byUUID))
	for _, one := range l.byUUID {
		links = append(links, one)
	}
	slices.SortFunc(links, func(a, b *link) int { return strings.Compare(a.uuid, b.uuid) })
	return links
}

func (l *lines) add(one *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byUUID == nil {
		l.byUUID = map[string]*link{}
	}
	l.byUUID[one.uuid] = one
}

func (l *lines) remove(uuid string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byUUID, uuid)
}
