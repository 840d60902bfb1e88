package world

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports of what is killed and started again are below those that the system
// hands to connections (from 32768 on): nobody takes one meanwhile. All have
// five digits, which translate.go needs.
const firstPort, lastPort = 20000, 32000

// ports are those that were given out in this process.
var ports struct {
	sync.Mutex
	given map[int]bool
}

// newPort is a loopback port that is free, and stays so.
func newPort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = map[int]bool{}
	}
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if ports.given[port] {
			continue
		}
		l, err := net.Listen("tcp", local(port)) //nolint:noctx // it is closed at once
		if err != nil {
			continue
		}
		ports.given[port] = true
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port from %d to %d", firstPort, lastPort)
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
