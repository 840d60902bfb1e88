package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/scheduler/store"
)

var _ store.Inspected = (*Store)(nil)

// Inspect implements store.Inspected: what CONFIG SET, a failed snapshot or a
// failover made of the server since it was opened.
func (s *Store) Inspect(ctx context.Context) (problems, warnings []string, err error) {
	facts, err := s.facts(ctx)
	if err == nil {
		err = s.addSettings(ctx, facts)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("inspect: %w", err)
	}
	warnings = append(warnings, weak(facts, keep(s.promised.Load()))...)
	if s.target.master != "" {
		warnings = append(warnings, warning(failover(facts))...)
	}
	return refusesWrites(facts), warnings, nil
}

// refusesWrites says why the server takes no commit now.
func refusesWrites(facts map[string]string) (problems []string) {
	if words := follows(facts); words != "" {
		problems = append(problems, "Redis "+words)
	}
	if good, told := facts["min_slaves_good_slaves"]; told && facts["min-replicas-to-write"] != "" && !isAtLeast(good, facts["min-replicas-to-write"]) {
		problems = append(problems, "Redis takes no writes while too few replicas follow it (min-replicas-to-write "+facts["min-replicas-to-write"]+")")
	}
	if facts["aof_last_write_status"] == "err" {
		problems = append(problems, "Redis cannot write its AOF (aof_last_write_status is err); look at its disk and its log")
	}
	if facts["rdb_last_bgsave_status"] == "err" && facts["save"] != "" && facts["stop-writes-on-bgsave-error"] == "yes" {
		problems = append(problems, "Redis takes no writes since its last snapshot failed (MISCONF); look at its disk and its log")
	}
	return problems
}

func isAtLeast(number, least string) bool {
	n, err := strconv.Atoi(least)
	return err != nil || atLeast(number, n)
}

// weak says which of the server's settings lose jobs, and whether an
// acknowledgement is worth less than it was.
func weak(facts map[string]string, promised keep) (warnings []string) {
	if words := evicts(facts); words != "" {
		warnings = append(warnings, "WARNING: Redis "+words)
	}
	kept, words := durability(facts)
	if kept < promised {
		return append(warnings, "WARNING: an acknowledgement is worth less than at the start: "+strings.TrimPrefix(words, "WARNING: "))
	}
	return append(warnings, warning(words)...)
}

// warning is the words, where they are one.
func warning(words string) []string {
	if strings.HasPrefix(words, "WARNING: ") {
		return []string{words}
	}
	return nil
}
