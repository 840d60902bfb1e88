package envelope

import "github.com/mlq-dev/mlq/internal/plain"

// Failure is why a job failed, by the envelope of its exception: one of the reasons
// error, oom and rejected, and the exception in one line. The header is the job's own
// doing; it cannot claim more than what exceptions may be.
func (h *Header) Failure() (reason, line string) {
	reason = "error"
	switch h.Reason {
	case "oom", "rejected":
		reason = h.Reason
	}
	line = h.Type
	if h.Message != "" {
		line += ": " + h.Message
	}
	return reason, plain.Line(line)
}

// ShortText is the short result as it is kept: the job could have written any header.
func (h *Header) ShortText() string { return plain.First(h.Short, plain.MaxShort) }
