package stand

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// RQ starts one rq worker of the default kind, which forks a process for each
// job, and waits until it has registered itself.
func RQ(ctx context.Context, py *Python, r *Redis) (*Process, error) {
	rq := filepath.Join(filepath.Dir(py.Path), "rq")
	p, err := Start(ctx, r.logs, "rq-worker", py.Env(), rq, "worker", "--quiet", "--url", r.URL(), "bench")
	if err != nil {
		return nil, err
	}
	return started(ctx, p, func() error {
		return present(r.Client.SCard(ctx, "rq:workers").Result())
	})
}

// Celery starts one celery worker with one prefork process, and waits until it
// listens on its queue.
func Celery(ctx context.Context, py *Python, r *Redis) (*Process, error) {
	celery := filepath.Join(filepath.Dir(py.Path), "celery")
	env := append(py.Env(), "BENCH_REDIS="+r.URL())
	p, err := Start(ctx, r.logs, "celery-worker", env, celery, "--app", "celery_app", "worker",
		"--pool", "prefork", "--concurrency", "1", "--loglevel", "warning")
	if err != nil {
		return nil, err
	}
	return started(ctx, p, func() error {
		return present(r.Client.Exists(ctx, "_kombu.binding.celery").Result())
	})
}

// present turns a count into an error when it is zero.
func present(n int64, err error) error {
	if err == nil && n == 0 {
		err = fmt.Errorf("not there yet")
	}
	return err
}

// started waits for a process and stops it if it does not come up.
func started(ctx context.Context, p *Process, ready func() error) (*Process, error) {
	if err := p.Await(ctx, 30*time.Second, ready); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}
