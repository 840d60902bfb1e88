package blob

// nameLength is that of a name: a SHA-256 in hexadecimal digits.
const nameLength = 64

// NamesIn are what may be names of blobs in a text that cannot be read any more: the first and the last
// 64 of each run of hexadecimal digits, as what stood before or behind a name may have become one.
func NamesIn(text []byte) (found []string) {
	run := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && (text[i] >= '0' && text[i] <= '9' || text[i] >= 'a' && text[i] <= 'f') {
			run++
			continue
		}
		if run >= nameLength {
			found = append(found, string(text[i-run:i-run+nameLength]))
		}
		if run > nameLength {
			found = append(found, string(text[i-nameLength:i]))
		}
		run = 0
	}
	return found
}
