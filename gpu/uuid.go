package gpu

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// DerivedUUID makes the UUID of a device that has none of its own: "CPU-…" or
// "SIM-…" by kind. It is the same after a restart, and another one for every
// agent, because their seeds are (see Seed).
func DerivedUUID(kind, seed, name string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%s", kind, seed, name))
	h := hex.EncodeToString(sum[:16])
	return fmt.Sprintf("%s-%s-%s-%s-%s-%s", kind, h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}
