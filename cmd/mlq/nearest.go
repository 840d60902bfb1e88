package main

// nearest returns the candidate that is at most two changes of a letter away
// from a mistyped word, "" if none is. Of equally near ones the one of the
// same length wins: letters are swapped more often than lost.
func nearest(word string, candidates []string) string {
	best, distance := "", 3
	for _, c := range candidates {
		d := changes(word, c)
		if d < distance || d == distance && best != "" && len(c) == len(word) && len(best) != len(word) {
			best, distance = c, d
		}
	}
	return best
}

// changes is the Levenshtein distance of two words.
func changes(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
