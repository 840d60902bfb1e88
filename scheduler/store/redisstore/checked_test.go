package redisstore

import (
	"fmt"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestLongestAnswer: the note of a commit, for a snapshot, is one text with all that the
// commit may have, and the words and lengths between.
func TestLongestAnswer(t *testing.T) {
	const note = store.MaxCommitBytes + store.MaxCommitItems*100
	for length, want := range map[int]bool{store.MaxCommitBytes: true, note: true, 1 << 30: false} {
		if got := new(answers).take(fmt.Appendf(nil, "$%d\r\n", length)); got != want {
			t.Errorf("a text of %d bytes: %v, want %v", length, got, want)
		}
	}
}
