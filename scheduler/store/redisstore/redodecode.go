package redisstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// readAllocation reads what allocate.lua noted: KEY and what it counts now.
func readAllocation(text string, prefix int) ([]store.Op, error) {
	key, number, ok := cutLast(text, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || len(key) <= prefix {
		return nil, errRedo
	}
	return []store.Op{{Kind: store.OpCount, Key: []byte(key[prefix:]), N: n}}, nil
}

func cutLast(text, separator string) (before, after string, ok bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// readRedo reads what commit.lua noted of the commit with this revision. The
// keys are full names, of which the first prefix bytes are the namespace's.
func readRedo(text string, revision uint64, prefix int) ([]store.Op, error) {
	words, err := redoWords(text)
	if err != nil {
		return nil, err
	}
	now, err1 := strconv.ParseInt(words[0], 10, 64)
	n, err2 := strconv.Atoi(words[1])
	if err := errors.Join(err1, err2); err != nil || n < 0 || n > (len(words)-2)/2 {
		return nil, errRedo
	}
	d := redoDecoder{now: now, prefix: prefix, id: store.EntryID{Revision: revision}, keys: words[2 : 2+2*n], args: words[2+2*n:]}
	for len(d.args) > 0 && d.err == nil {
		d.run()
	}
	return d.ops, d.err
}

var errRedo = fmt.Errorf("%w: the note cannot be read", store.ErrSnapshot)

func redoWords(text string) (words []string, err error) {
	for text != "" {
		if len(text) < 4 {
			return nil, errRedo
		}
		size := int(binary.BigEndian.Uint32([]byte(text)))
		if size > len(text)-4 {
			return nil, errRedo
		}
		words = append(words, text[4:4+size])
		text = text[4+size:]
	}
	if len(words) < 2 {
		return nil, errRedo
	}
	return words, nil
}

// redoDecoder reads the effects of a commit as commit.lua does.
type redoDecoder struct {
	now        int64 // µs
	prefix     int
	id         store.EntryID
	keys, args []string // keys: each with what it counts now
	counts     string   // of the last key
	ops        []store.Op
	err        error
}

// run reads one run of effects: a word, a count, an operand, and the values.
func (d *redoDecoder) run() {
	word, count, shared := d.arg(), d.number(d.arg()), d.arg()
	if word == "notify" {
		for i := int64(0); i < count && d.err == nil; i++ {
			d.arg()
		}
		return
	}
	var key []byte
	for i := range count {
		if i == 0 || word == "put" || word == "del" || word == "drop" {
			key = d.key()
		}
		if d.err != nil {
			return
		}
		d.ops = append(d.ops, d.op(word, key, shared))
	}
}

func (d *redoDecoder) op(word string, key []byte, shared string) store.Op {
	switch word {
	case "put":
		op := store.Op{Kind: store.OpPut, Key: key, Value: []byte(d.arg())}
		if ttl := d.number(shared); ttl > 0 {
			op.Expires = d.now + ttl*1000
		}
		return op
	case "del":
		return store.Op{Kind: store.OpDelete, Key: key}
	case "index":
		return store.Op{Kind: store.OpIndex, Key: key, Value: []byte(d.arg())}
	case "unindex":
		return store.Op{Kind: store.OpUnindex, Key: key, Value: []byte(d.arg())}
	case "add":
		d.arg()
		return store.Op{Kind: store.OpCount, Key: key, N: d.number(d.counts)}
	case "append":
		op := store.Op{Kind: store.OpAppend, Key: key, Value: []byte(d.arg()), N: d.number(shared), Revision: d.id.Revision, Seq: d.id.Seq}
		d.id.Seq++
		return op
	case "drop":
		return store.Op{Kind: store.OpDrop, Key: key}
	}
	d.err = errRedo
	return store.Op{}
}

func (d *redoDecoder) arg() string {
	if len(d.args) == 0 {
		d.err = errRedo
		return ""
	}
	word := d.args[0]
	d.args = d.args[1:]
	return word
}

func (d *redoDecoder) key() []byte {
	if len(d.keys) < 2 || len(d.keys[0]) <= d.prefix {
		d.err = errRedo
		return nil
	}
	key := d.keys[0][d.prefix:]
	d.counts, d.keys = d.keys[1], d.keys[2:]
	return []byte(key)
}

func (d *redoDecoder) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		d.err = errRedo
	}
	return n
}
