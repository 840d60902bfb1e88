package redisstore

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed commit.lua
var commitLua string

//go:embed allocate.lua
var allocateLua string

//go:embed stamp.lua
var stampLua string

//go:embed redo.lua
var redoLua string

// commitScript and freeingScript are the same but for a flag: Redis at its
// memory limit refuses the first before it begins, and runs the second.
var (
	commitScript   = newScript(commitLua)
	freeingScript  = newScript(strings.Replace(commitLua, "#!lua", "#!lua flags=allow-oom", 1))
	allocateScript = newScript(allocateLua)
	redoScript     = newScript(redoLua)
)

// script is a script's text and the name under which Redis keeps it.
type script struct{ text, name string }

func newScript(text string) script {
	sum := sha1.Sum([]byte(text))
	return script{text, hex.EncodeToString(sum[:])}
}

// run runs a script by its name, and by its text where the server does not know
// it (after a restart, SCRIPT FLUSH, a failover): NOSCRIPT is the one answer that
// says for certain that nothing was done.
func (s *Store) run(ctx context.Context, sc script, size int, keys []string, args []any) ([]any, error) {
	reply, err := s.evaluate(ctx, size, "evalsha", sc.name, keys, args)
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		reply, err = s.evaluate(ctx, size, "eval", sc.text, keys, args)
	}
	if err != nil {
		return nil, failure(err)
	}
	return reply, nil
}

func (s *Store) evaluate(ctx context.Context, size int, verb, body string, keys []string, args []any) ([]any, error) {
	line := make([]any, 0, 3+len(keys)+len(args))
	line = append(line, verb, body, len(keys))
	for _, k := range keys {
		line = append(line, k)
	}
	cmd := redis.NewCmd(ctx, append(line, args...)...)
	if err := s.courier.deliver(ctx, size, cmd); err != nil {
		return nil, err
	}
	return cmd.Slice()
}
