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
	return fmt.Errorf("%w: %w", sentinel(err), err)
}

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
		if strings.HasPrefix(rest, "The user executing the script") { // NOPERM, inside a script
			return ErrConfig
		}
	}
	return store.ErrUnavailable
}
