package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// slowly has a server take its time for each command or key that it loads, and answer
// meanwhile: of a file of commands it does so after each 1024.
const slowly = `key-load-delay 100
loading-process-events-interval-bytes 1024
`

// RestartLoading starts a server that does not run, and returns when it answers LOADING: it
// does until Hasten, or until it has loaded all. Of a file that was just written anew it may
// have loaded all before it answers for the first time.
func (r *Redis) RestartLoading(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := appendTo(r.conf(), slowly); err != nil {
		return err
	}
	if _, err := r.start(); err != nil {
		return fmt.Errorf("start %s: %w", r.Name, err)
	}
	for {
		err := r.Client.Ping(ctx).Err()
		if err == nil || strings.HasPrefix(err.Error(), "LOADING") {
			return nil
		}
		if !r.Running() || ctx.Err() != nil {
			return fmt.Errorf("%s does not load, see %s: %w", r.Name, r.log, err)
		}
		pause(ctx, 5*time.Millisecond)
	}
}

// Hasten has a server load as fast as it can, now and when it starts again. In its file that
// stands after it is so: what writes the file meanwhile, as sentinels have it do, writes so too.
func (r *Redis) Hasten(ctx context.Context) error {
	err := until(ctx, startPatience, func(ctx context.Context) error {
		if !r.Running() {
			return nil
		}
		return r.Client.ConfigSet(ctx, "key-load-delay", "0").Err()
	})
	return errors.Join(err, appendTo(r.conf(), "key-load-delay 0\n"))
}

// conf is the file of its settings.
func (r *Redis) conf() string { return filepath.Join(r.Dir, "redis.conf") }

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
