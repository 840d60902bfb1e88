package nemesis

import "fmt"

// Elsewhere has a line for each fault that the nemesis does not inject, or only
// in part: its number, its name, and the reason.
func Elsewhere() (lines []string) {
	for _, f := range Table() {
		if f.Elsewhere != "" {
			lines = append(lines, fmt.Sprintf("%s %s: %s", f.Number, f.Name, f.Elsewhere))
		}
	}
	return lines
}
