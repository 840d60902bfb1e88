package redisstore

import (
	"encoding/binary"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// FuzzRedo: agents may write what a snapshot reads there. Whatever it is, the reader
// ends, and makes no more steps of it than there are bytes.
func FuzzRedo(f *testing.F) {
	seeds := fuzzseed.For(f)
	note := func(words ...string) []byte {
		var text []byte
		for _, w := range words {
			text = binary.BigEndian.AppendUint32(text, uint32(len(w)))
			text = append(text, w...)
		}
		return text
	}
	seeds.Add(note("1700000000000000", "2", "p:a", "", "p:n", "7", "put", "1", "500", "value", "add", "1", "", "3"))
	seeds.Add(note("1700000000000000", "1", "p:l", "", "append", "2", "10", "x", "y", "notify", "1", "topic", "v"))
	seeds.Add(note("1", "4611686018427387904", "x"))
	seeds.Add(note("1", "0", "notify", "4611686018427387904", "x"))
	seeds.Add(note("1", "0", "del", "-1", ""))
	seeds.Add([]byte("p:ids 17"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ops, err := readRedo(string(data), 5, len("p:"))
		if err == nil && len(ops) > len(data) {
			t.Fatalf("%d steps out of %d bytes", len(ops), len(data))
		}
		one, err2 := readAllocation(string(data), len("p:"))
		if err2 == nil && len(one) != 1 {
			t.Fatalf("%d steps of an allocation", len(one))
		}
		for _, op := range append(ops, one...) {
			if err == nil && err2 == nil && (op.Kind == "" || len(op.Key) == 0) {
				t.Fatalf("the step %+v", op)
			}
		}
	})
}

// FuzzChecked: whatever comes over a connection, and in whatever pieces, it is judged the
// same; and what was let through claims no length that none of our answers has.
func FuzzChecked(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add([]byte("*4\r\n$2\r\nok\r\n:7\r\n:1700000000000000\r\n$3\r\nabc\r\n"), 3)
	seeds.Add([]byte("*2\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nv\r\n$1\r\nx\r\n$-1\r\n+OK\r\n-ERR no\r\n*0\r\n*-1\r\n"), 1)
	seeds.Add([]byte("$9223372036854775807\r\n"), 5)
	seeds.Add([]byte("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"), 7)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		var whole, pieces answers
		ok := whole.take(data)
		for rest := data; len(rest) > 0; {
			n := min(max(piece, 1), len(rest))
			pieces.take(rest[:n])
			rest = rest[n:]
		}
		if ok == pieces.broken {
			t.Fatalf("%q: whole %v, in pieces %v", data, ok, !pieces.broken)
		}
		if ok && (len(whole.open) > maxNested || whole.skip > maxBulk+2 || len(whole.header) > maxHeader) {
			t.Fatalf("%q leaves %+v", data, whole)
		}
	})
}
