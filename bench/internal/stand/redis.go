package stand

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a server of the benchmark's own, on a free loopback port, with an
// append-only file that is synced every second.
type Redis struct {
	Addr   string // 127.0.0.1:port
	Client *redis.Client
	proc   *Process
	dir    string // removed with the server
	logs   string // kept: what the processes on this server print
}

// StartRedis starts a server with its files in a new folder below dir.
func StartRedis(ctx context.Context, dir string) (*Redis, error) {
	data, err := os.MkdirTemp(dir, "redis-")
	if err != nil {
		return nil, err
	}
	port, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	proc, err := Start(ctx, dir, "redis-server", nil, "redis-server", "--bind", "127.0.0.1", "--port", port,
		"--dir", data, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction")
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", port)
	r := &Redis{Addr: addr, Client: redis.NewClient(&redis.Options{Addr: addr}), proc: proc, dir: data, logs: dir}
	if err := proc.Await(ctx, 10*time.Second, func() error { return r.Client.Ping(ctx).Err() }); err != nil {
		r.Stop()
		return nil, err
	}
	return r, nil
}

// URL names the server and its first database.
func (r *Redis) URL() string { return "redis://" + r.Addr + "/0" }

// Pids is the server's process.
func (r *Redis) Pids() []int { return []int{r.proc.cmd.Process.Pid} }

// UsedMemory is the server's used_memory in bytes.
func (r *Redis) UsedMemory(ctx context.Context) (int64, error) {
	info, err := r.Client.InfoMap(ctx, "memory").Result()
	if err != nil {
		return 0, fmt.Errorf("read redis memory: %w", err)
	}
	return strconv.ParseInt(info["Memory"]["used_memory"], 10, 64)
}

// Settle waits until the server no longer rewrites its append-only file, which
// takes a core for a while after many writes.
func (r *Redis) Settle(ctx context.Context) error {
	return r.proc.Await(ctx, time.Minute, func() error {
		info, err := r.Client.InfoMap(ctx, "persistence").Result()
		if err != nil {
			return err
		}
		if info["Persistence"]["aof_rewrite_in_progress"] != "0" {
			return errors.New("the append-only file is being rewritten")
		}
		return nil
	})
}

// Stop ends the server and removes its files.
func (r *Redis) Stop() {
	_ = r.Client.Close() // nothing is in flight
	r.proc.Stop()
	_ = os.RemoveAll(r.dir) // at worst a folder stays in bench/out
}

// FreePort is a loopback port that was free just now.
func FreePort(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}
