package gpu

import "testing"

// BenchmarkDecide: an agent decides for each device at each look, and again
// whenever it lists them.
func BenchmarkDecide(b *testing.B) {
	for _, bb := range []struct {
		name  string
		given Evidence
		want  State
	}{
		{"free", Evidence{Samples: twice(Sample{})}, Free},
		{"leased", Evidence{Samples: twice(by(own)), Lease: lease}, Leased},
		{"foreign", Evidence{Samples: twice(by(ana, xorg))}, Foreign},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if Decide(card, bb.given, at).State != bb.want {
					b.Fatal("decided otherwise")
				}
			}
		})
	}
}
