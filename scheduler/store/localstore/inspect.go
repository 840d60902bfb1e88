package localstore

import (
	"context"
	"errors"
	"syscall"

	"github.com/mlq-dev/mlq/scheduler/store"
)

var _ store.Inspected = (*Store)(nil)

// Inspect implements store.Inspected: that nothing is written any more since a write failed for
// another reason than a full disk, or a read or a snapshot found damage. Reads go on, so that
// nothing else would tell.
func (s *Store) Inspect(context.Context) (problems, warnings []string, err error) {
	if broken := s.distrust(); broken != nil {
		problems = append(problems, "nothing is written to its file any more ("+cause(broken)+"); look at the disk, and then restart this server")
	}
	return problems, nil, nil
}

// cause is what the system said, without the file's path: /readyz shows it to everybody.
func cause(err error) string {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	if errors.Is(err, ErrDamaged) {
		return "it is damaged"
	}
	return "the log has more"
}
