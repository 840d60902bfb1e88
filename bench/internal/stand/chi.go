package stand

import (
	"context"
	"net"
	"path/filepath"
)

// ChiScript starts the floor under an enqueue over HTTP, and answers its address.
func ChiScript(ctx context.Context, bin string, r *Redis) (addr string, p *Process, err error) {
	port, err := FreePort(ctx)
	if err != nil {
		return "", nil, err
	}
	addr = net.JoinHostPort("127.0.0.1", port)
	p, err = Start(ctx, r.logs, filepath.Base(bin), nil, bin, addr, r.Addr)
	if err != nil {
		return "", nil, err
	}
	p, err = started(ctx, p, func() error { return get(ctx, "http://"+addr+"/healthz", "", nil) })
	return addr, p, err
}
