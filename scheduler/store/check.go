package store

import "fmt"

// Check refuses a commit that no store may apply: malformed (ErrInvalid), above
// the limits (ErrTooLarge) or unsafe to repeat (ErrUnsafeRepeat). Every
// implementation calls it first, so that they refuse alike.
func (c Commit) Check() error {
	if n := len(c.Guards) + len(c.Effects); n > MaxCommitItems {
		return fmt.Errorf("%w: %d items", ErrTooLarge, n)
	}
	k := checker{kinds: make(map[string]kind, len(c.Guards)+len(c.Effects))}
	for _, g := range c.Guards {
		k.guard(g)
	}
	for _, e := range c.Effects {
		k.effect(e)
	}
	if k.err == nil && k.bytes > MaxCommitBytes {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, k.bytes)
	}
	if k.err == nil && !c.safeToRepeat() {
		return ErrUnsafeRepeat
	}
	return k.err
}

// kind is what a key names.
type kind uint8

const (
	kindRecord kind = iota + 1
	kindIndex
	kindCounter
	kindLog
	kindTopic // has names of its own: never compared with the others
)

// checker keeps the first fault of a commit, and what its keys were used as.
type checker struct {
	kinds map[string]kind
	bytes int
	err   error
}

func (k *checker) guard(g Guard) {
	switch g.Kind {
	case GuardVersion:
		k.key(g.Key, kindRecord)
	case GuardAtMost:
		k.key(g.Key, kindCounter)
		k.number(g.N)
		k.number(g.Limit)
	case GuardEmpty:
		k.key(g.Key, kindIndex)
	default:
		k.fail(ErrInvalid, "guard of kind %d", g.Kind)
	}
}

func (k *checker) effect(e Effect) {
	k.value(e)
	switch e.Kind {
	case EffectPut:
		k.key(e.Key, kindRecord)
		k.require(e.TTL >= 0, "negative TTL")
	case EffectDelete:
		k.key(e.Key, kindRecord)
	case EffectIndex, EffectUnindex:
		k.key(e.Key, kindIndex)
	case EffectAdd:
		k.key(e.Key, kindCounter)
		k.number(e.N)
	case EffectAppend:
		k.key(e.Key, kindLog)
		k.require(e.Keep > 0, "log without Keep")
	case EffectDropLog:
		k.key(e.Key, kindLog)
	case EffectNotify:
		k.key(e.Key, kindTopic)
	default:
		k.fail(ErrInvalid, "effect of kind %d", e.Kind)
	}
}

func (k *checker) key(key string, as kind) {
	k.bytes += len(key)
	k.require(key != "", "empty key")
	k.limit(len(key), MaxKeyBytes, "key")
	if as == kindTopic {
		return
	}
	k.require(key != RevisionKey && key != RedoKey && key != OwnRedoKey, "the store's own key")
	was, used := k.kinds[key]
	k.require(!used || was == as, "one key as two kinds")
	k.kinds[key] = as
}

func (k *checker) value(e Effect) {
	k.bytes += len(e.Value)
	most := MaxValueBytes
	if e.Kind == EffectIndex || e.Kind == EffectUnindex {
		most = MaxKeyBytes
	}
	k.limit(len(e.Value), most, "value")
}

func (k *checker) number(n int64) {
	if n > MaxCounter || n < -MaxCounter {
		k.fail(ErrTooLarge, "number %d", n)
	}
}

func (k *checker) limit(n, most int, what string) {
	if n > most {
		k.fail(ErrTooLarge, "%s of %d bytes", what, n)
	}
}

func (k *checker) require(ok bool, otherwise string) {
	if !ok {
		k.fail(ErrInvalid, "%s", otherwise)
	}
}

func (k *checker) fail(sentinel error, format string, args ...any) {
	if k.err == nil {
		k.err = fmt.Errorf("%w: %s", sentinel, fmt.Sprintf(format, args...))
	}
}

// CheckAllocate refuses what no store may allocate, as Check does for commits.
func CheckAllocate(counter string, n int64) error {
	k := checker{kinds: map[string]kind{}}
	k.key(counter, kindCounter)
	k.number(n)
	k.require(n > 0, "block without numbers")
	return k.err
}
