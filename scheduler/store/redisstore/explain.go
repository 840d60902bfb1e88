package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// explain says of an Open that failed which server it was, and what the likely
// mistake is where the network's own words do not tell.
func (t target) explain(err error) error {
	if hint := t.hint(err); hint != "" {
		return fmt.Errorf("%s: %w (%s)", t, err, hint)
	}
	if errors.Is(err, ErrConfig) && !isAnswer(err) {
		return err // judge has named the server
	}
	return fmt.Errorf("%s: %w", t, err)
}

// hint is "" where there is nothing to add.
func (t target) hint(err error) string {
	switch text := err.Error(); {
	case t.master != "" && errors.Is(err, redis.Nil), strings.HasSuffix(text, "redis: nil"):
		return fmt.Sprintf("its sentinels know no master %q", t.master)
	case strings.Contains(text, "unknown command 'sentinel'"):
		return "it is a Redis and no Sentinel: redis://"
	case strings.Contains(text, "DB index is out of range"):
		return fmt.Sprintf("the server has fewer databases than %d", t.db+1)
	case errors.Is(err, errProtocol), strings.Contains(text, "first record does not look like a TLS handshake"):
		return "what answers there does not speak Redis"
	case t.tls != nil && isTimeout(err):
		return "does it speak TLS? without: redis://"
	case isTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return "it accepts connections and does not answer"
	case t.tls == nil && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)):
		return "it ends the connection at once: it may want TLS (rediss://), or have reached its maxclients"
	}
	return ""
}

// isAnswer reports whether the server said it.
func isAnswer(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}
