package slot

// record is what the journal holds of an attempt from before its call is handed
// over until Done: enough for a slot that was restarted to find what is left.
type record struct {
	Protocol int      `json:"protocol"` // of the build that wrote it; begin sets it
	Grant    Grant    `json:"grant"`    // without Vars and Token
	Boot     string   `json:"boot"`
	UID      uint32   `json:"uid"` // of the job's processes
	Runner   procStat `json:"runner"`
	Group    string   `json:"group,omitempty"` // folder of its control group
}

const (
	lockFile = "slot.lock"
	tmpName  = "tmp"
	outName  = "out"
)

// withoutSecrets is g as it may be shown and kept.
func withoutSecrets(g *Grant) Grant {
	kept := *g
	kept.Vars, kept.Token = nil, ""
	return kept
}
