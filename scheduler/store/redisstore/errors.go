package redisstore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// failure gives the errors of Redis and of the network the contract's names.
// What is not known to have written nothing is ErrUnavailable.
func failure(err error) error {
	switch {
	case errors.Is(err, store.ErrClosed), errors.Is(err, store.ErrUnavailable):
		return err // said already
	case errors.Is(err, redis.ErrClosed):
		return store.ErrClosed
	}
	if kind := sentinel(err); kind != ErrConfig { //nolint:errorlint // which of the sentinels it is
		return fmt.Errorf("%w: %w", kind, err)
	}
	return refusal{err}
}

// refusal is an answer that says that the server is not for us: a password that
// is wrong, a right that lacks. At the start that is ErrConfig. While running it
// is ErrUnavailable too: somebody is changing the password, and what is under
// way must wait for that instead of being given up.
type refusal struct{ answer error }

func (r refusal) Error() string { return fmt.Sprintf("%s: %s", ErrConfig, r.answer) }

// Unwrap gives the server's answer.
func (r refusal) Unwrap() error { return r.answer }

// Is makes it both of the errors.
func (r refusal) Is(target error) bool { return target == ErrConfig || target == store.ErrUnavailable }

func sentinel(err error) error {
	var answer redis.Error // an error that the server answered
	if !errors.As(err, &answer) {
		return store.ErrUnavailable
	}
	switch code, rest, _ := strings.Cut(answer.Error(), " "); code {
	case "OOM":
		return store.ErrFull
	case "MISCONF":
		if strings.Contains(rest, "No space left") {
			return store.ErrFull
		}
	case "KIND", "WRONGTYPE":
		return store.ErrInvalid
	case "RANGE":
		return store.ErrTooLarge
	case "NOAUTH", "WRONGPASS", "NOPERM":
		return ErrConfig
	case "ERR":
		if strings.HasPrefix(rest, "The user executing the script") || // NOPERM, inside a script
			strings.HasPrefix(rest, "DB index is out of range") || strings.HasPrefix(rest, "SELECT is not allowed") {
			return ErrConfig
		}
	}
	return store.ErrUnavailable
}
