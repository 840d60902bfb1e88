package api

import (
	"errors"

	"github.com/mlq-dev/mlq/scheduler"
)

// toEach gives an order about a device to all agents that have it. One that refuses
// because it does not have the device any more, or has it well, says nothing against
// what another has taken; every other error is told, once all were asked.
func toEach[T any](agents []string, give func(host string) (T, error)) (given []T, err error) {
	var passed error
	for _, host := range agents {
		one, failed := give(host)
		switch {
		case failed == nil:
			given = append(given, one)
		case errors.Is(failed, scheduler.ErrNotSick), errors.Is(failed, scheduler.ErrUnknownDevice), errors.Is(failed, scheduler.ErrUnknownHost):
			passed = either(passed, failed)
		default:
			err = either(err, failed)
		}
	}
	if len(given) == 0 {
		err = either(err, passed)
	}
	return given, err
}

// either is the first of two errors.
func either(first, second error) error {
	if first != nil {
		return first
	}
	return second
}
