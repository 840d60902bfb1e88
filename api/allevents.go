package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// eventPage is how many events of the log are read at once.
const eventPage = 500

// allEvents answers GET /events: the log of what happens to the jobs that one
// may see, from Last-Event-ID on, or from now. The log keeps the last events only.
func (s *Server) allEvents(c *call) error {
	f, err := s.tail.join(c.ctx(), s.stopping)
	if err != nil {
		return err
	}
	defer f.leave()
	after := f.end
	// An id beyond the end is of events that the store has lost: what it has next comes after them.
	if id, given := parseEntryID(c.lastEvent()); given && compareEntries(id, f.end) < 0 {
		after = id
	}
	defer s.whileWriting(c)()
	st, err := c.startStream()
	if err != nil || c.r.Method == http.MethodHead {
		return err
	}
	for {
		lines, grown, err := f.since(after)
		if err != nil {
			return err
		}
		if err := st.sendLines(lines); err != nil {
			return err
		}
		if n := len(lines); n > 0 {
			after = lines[n-1].id
		}
		if !s.sleep(c, grown, nil) {
			return nil
		}
	}
}

// sendLines sends what its reader may see. Of the rest it says that there was
// something, and of nothing that it is still there.
func (st *stream) sendLines(lines []line) error {
	told := false
	for _, l := range lines {
		if !st.c.sees(l.user) {
			continue
		}
		told = true
		if _, err := st.c.Write(l.frame); err != nil {
			return err
		}
	}
	switch {
	case told:
		return st.c.FlushError()
	case len(lines) > 0:
		return st.hint()
	}
	return st.beat()
}

func formatEntryID(id store.EntryID) string {
	return strconv.FormatUint(id.Revision, 10) + "-" + strconv.FormatUint(uint64(id.Seq), 10)
}

// parseEntryID reads REVISION-SEQ; ok is false for anything else.
func parseEntryID(text string) (id store.EntryID, ok bool) {
	revision, seq, _ := strings.Cut(text, "-")
	r, err := strconv.ParseUint(revision, 10, 64)
	if err != nil {
		return id, false
	}
	n, err := strconv.ParseUint(seq, 10, 32)
	if err != nil {
		return id, false
	}
	return store.EntryID{Revision: r, Seq: uint32(n)}, true
}
