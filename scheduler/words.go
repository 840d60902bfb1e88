package scheduler

import (
	"fmt"
	"math"
)

// What a job needs and a device has, in words for people.

// typeWords is "a device", or one of the type that is asked for.
func (n Need) typeWords() string {
	if n.Type == "" {
		return "a device"
	}
	return fmt.Sprintf("a %q", n.Type)
}

// memoryWords is the memory per device as it was asked for; where only the class
// is known, as that has it.
func (n Need) memoryWords() string {
	if n.AskedMem > 0 {
		return memoryWords(n.AskedMem)
	}
	return fmt.Sprintf("%d GiB", n.MemGiB)
}

// memoryWords is "40 GB" where that is what was written, else "79.6 GiB".
func memoryWords(bytes int64) string {
	const gb = 1e9
	if bytes%gb == 0 {
		return fmt.Sprintf("%d GB", bytes/gb)
	}
	if whole := math.Round(float64(bytes) / gib); bytes >= 20*gib || math.Abs(float64(bytes)/gib-whole) < 0.05 {
		return fmt.Sprintf("%.0f GiB", whole)
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/gib)
}

// capability is "8.0" of 80.
func capability(cc int) string { return fmt.Sprintf("%d.%d", cc/10, cc%10) }
