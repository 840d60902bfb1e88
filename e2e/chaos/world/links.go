package world

import (
	"fmt"
	"net"
	"strconv"

	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// Link is the proxy on the way from one process to another. Its faults are those
// of faultproxy.Link; Heal ends them.
type Link struct {
	*faultproxy.Link

	Name     string // "h1→redis-a"
	From, To string // names of processes; "client" are the users, "sentinels" all three
	Protocol faultproxy.Protocol
	// TLS: what is spoken is encrypted and authenticated, so that a flipped bit ends the
	// connection. Elsewhere it is what the network would have delivered.
	TLS bool
}

// link makes a link, with a seed of its own.
func (w *World) link(from, to, target string, p faultproxy.Protocol) (*Link, error) {
	w.linkSeed++
	proxy, err := faultproxy.Listen(target, p, w.opts.Seed<<16+w.linkSeed)
	if err != nil {
		return nil, err
	}
	l := &Link{Link: proxy, Name: from + "→" + to, From: from, To: to, Protocol: p}
	w.links = append(w.links, l)
	return l, nil
}

// Links are all links of the world.
func (w *World) Links() []*Link { return w.links }

// Link gives one by its name.
func (w *World) Link(from, to string) (*Link, error) {
	for _, l := range w.links {
		if l.From == from && l.To == to {
			return l, nil
		}
	}
	return nil, fmt.Errorf("there is no link from %s to %s", from, to)
}

// portOf is the port of an address.
func portOf(addr string) int {
	_, port, err := net.SplitHostPort(addr)
	n, aerr := strconv.Atoi(port)
	if err != nil || aerr != nil {
		panic("an address of a listener: " + addr)
	}
	return n
}
