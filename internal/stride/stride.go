// Package stride finds how many records to read at once of a store that cannot tell how large
// they are before it has sent them.
package stride

// Bytes is how much one read should be at most.
const Bytes = 16 << 20

const first = 8

// Stride is how many to read next: few at first, twice as many as long as that is little, and
// as many as would have been right where it was too much.
type Stride struct{ n, most int }

// UpTo is a stride of up to that many.
func UpTo(most int) *Stride { return &Stride{min(first, most), most} }

// Next is how many to read now.
func (s *Stride) Next() int { return s.n }

// Was notes how many bytes so many records were.
func (s *Stride) Was(records, bytes int) {
	switch {
	case bytes > Bytes:
		s.n = max(1, int(int64(records)*Bytes/int64(bytes)))
	case bytes <= Bytes/4 && records >= s.n:
		s.n = min(2*s.n, s.most)
	}
}
