package scheduler

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// FuzzJobRecord: a job's record is read or refused, and what was read is written and
// read again as the same: no record turns into another job by being touched.
func FuzzJobRecord(f *testing.F) {
	seeds := fuzzseed.For(f)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	for _, j := range []Job{
		{ID: 1, State: Queued, User: "ana", Class: classAny, Devices: 1, Rank: 7, Submitted: at, QueuedAt: at, Timeout: usualLimit, TimeoutFrom: FromDefault, Grace: defaultGrace},
		{
			ID: 2, State: Running, User: "bob", Unix: "bob", Class: "gpus=2 mem=16", Devices: 2, Submitted: at, Timeout: 90 * time.Second,
			Avoid: map[string]time.Time{"h1": at}, After: []JobID{1}, Callback: Callback{URL: "https://a", Tries: []TriedCallback{{at, "no"}}},
			Attempts: []Attempt{{N: 1, Fence: 9, Host: "h1", Devices: []string{"GPU-1"}, TokenSHA256: []byte("x"), Claimed: at, Closing: Closing{At: at, What: "h1"}}},
		},
		{ID: 3, State: Succeeded, User: "ana", Submitted: at, EndedAt: at, Result: Result{SHA256: "ab", Size: 3, Short: "3"}, Hold: true, Timeout: time.Hour, TimeoutFrom: FromUserMax},
	} {
		seeds.Add(encodeJob(&j))
	}
	seeds.Add([]byte(`{"u":"a","i":"..","s":"z"}`))
	seeds.Add([]byte(`{"u":"a","i":"1.2.3ZZ","lt":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := decodeJob(7, 3, data)
		if err != nil {
			return
		}
		if _, known := stateLetters[j.State]; !known {
			t.Fatalf("%q is in the state %q", data, j.State)
		}
		once := encodeJob(&j)
		again, err := decodeJob(7, 3, once)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", data, once, err)
		}
		if again.ID != j.ID || again.State != j.State || again.User != j.User || len(again.Attempts) != len(j.Attempts) || again.Unix != j.Unix {
			t.Fatalf("%+v became %+v", j, again)
		}
		if last := encodeJob(&again); json.Valid(data) && !bytes.Equal(once, last) {
			third, err := decodeJob(7, 3, last)
			if err != nil || !bytes.Equal(last, encodeJob(&third)) {
				t.Fatalf("%q is written as %q, then as %q, %v", data, once, last, err)
			}
		}
	})
}

// FuzzRecords: every other record, entry and member of an index that the store may give
// is read or refused.
func FuzzRecords(f *testing.F) {
	seeds := fuzzseed.For(f)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	j := Job{ID: 5, User: "ana", Unix: "an", Class: classAny, Devices: 1, Rank: 4, QueuedAt: at, Timeout: time.Hour, Shared: true}
	for _, seed := range [][]byte{
		entryMember(&j), changeValue(&j), consumerMember("ana", "0123456789abcdef"), []byte("k.k.kHh"), []byte(`gpus=2 mem=16 type="A100"`),
		encode(epochRecord{Identity: "x", Epoch: 1, First: 9}), encode(deviceRecord{Fence: 3}), encode(beatRecord{Epoch: 2}),
		encode(drainRecord{Deadlines: map[string]deadlineRecord{"": {At: 1}}}), encode(ordersRecord{Number: 1}), encode(eventRecord{Job: 1}),
		encode([]Function{{Name: "f"}}), encode(schemaRecord{Schema: 1}), encode(usageDay{}), encode(consumerRecord{}), encode(idemRecord{}), encode(Inventory{Host: "h"}),
	} {
		seeds.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := parseEntry("c", data); err == nil && (e.Timeout < 0 || e.Job < 0 || e.Devices < 0) {
			t.Fatalf("%q is the entry %+v", data, e)
		}
		if change, ok := parseChange(data); ok && change.Job > 0 {
			if back, _ := parseChange(changeValue(&Job{ID: change.Job, State: change.State})); back != change {
				t.Fatalf("%q is %+v, and that is %+v", data, change, back)
			}
		}
		if need, err := ParseNeed(string(data)); err == nil {
			if again, err := ParseNeed(need.String()); err != nil || again.String() != need.String() {
				t.Fatalf("%q is %+v, written %q, which is %+v, %v", data, need, need.String(), again, err)
			}
		}
		parseConsumer(data)
		_, _ = unpackNumbers(string(data))
		_, _ = decodeEvent(store.Entry{Value: data})
		_, _ = decodeFunctions("u", store.Record{Version: 1, Value: data})
		for _, into := range []any{
			&epochRecord{}, &deviceRecord{}, &agentRecord{}, &beatRecord{}, &drainRecord{}, &ordersRecord{}, &idemRecord{},
			&schemaRecord{}, &consumerRecord{}, &usageDay{}, &usageDone{}, &Limits{}, &Inventory{},
		} {
			if err := decode("k", data, into); err == nil && len(data) > 0 && !json.Valid(data) {
				t.Fatalf("%q was read as a %T", data, into)
			}
		}
	})
}
