package scheduler

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func genTime(t *rapid.T, label string) time.Time {
	return unstamp(rapid.Int64Range(0, 1<<51).Draw(t, label))
}

func genJob(t *rapid.T) Job {
	j := Job{
		ID: JobID(rapid.Int64Range(1, 1<<47).Draw(t, "id")), Version: 7,
		State: rapid.SampledFrom([]State{Scheduled, Queued, Leased, Running, Succeeded, Failed, Cancelled}).Draw(t, "state"),
		User:  rapid.StringMatching(`[a-z]{1,12}`).Draw(t, "user"), Unix: rapid.StringMatching(`[a-z]{0,3}`).Draw(t, "unix"),
		Name:   rapid.String().Draw(t, "name"),
		Class:  rapid.SampledFrom([]string{classAny, classAny + " call=3.11", "gpus=10", "gpus=2 mem=80", "gpus=0", "gpus=1 consumer=ana"}).Draw(t, "class"),
		Shared: rapid.Bool().Draw(t, "shared"), Priority: rapid.IntRange(-10, 10).Draw(t, "priority"),
		Devices: rapid.IntRange(1, 64).Draw(t, "devices"),
		Rank:    rapid.Uint64Range(0, 1<<47).Draw(t, "rank"), Epoch: rapid.Uint64Range(0, 1<<45).Draw(t, "epoch"),
		Submitted: genTime(t, "submitted"), NotBefore: genTime(t, "not before"),
		Timeout: micros(rapid.Int64Range(0, 1<<40).Draw(t, "timeout")),
		Grace:   rapid.SampledFrom([]time.Duration{0, defaultGrace, time.Second}).Draw(t, "grace"),
		Retries: rapid.IntRange(0, 100).Draw(t, "retries"), Progress: rapid.String().Draw(t, "progress"),
		CancelRequested: rapid.Bool().Draw(t, "cancel"),
	}
	j.TimeoutFrom = rapid.SampledFrom([]LimitFrom{FromRequest, FromDefault, FromServerMax, FromUserMax}).Draw(t, "timeout from")
	if j.TimeoutFrom != FromRequest {
		j.Timeout = rapid.SampledFrom([]time.Duration{j.Timeout.Truncate(time.Second), usualLimit, 168 * time.Hour}).Draw(t, "imposed")
	}
	j.QueuedAt = rapid.SampledFrom([]time.Time{{}, j.Submitted, j.Submitted.Add(time.Minute)}).Draw(t, "queued at")
	for i := range rapid.IntRange(0, 3).Draw(t, "attempts") {
		j.Attempts = append(j.Attempts, Attempt{N: i + 1, Fence: 9, Host: "h", Devices: []string{"d"}, Claimed: genTime(t, "claimed"), ExitCode: -1})
	}
	if a := j.Attempt(); a != nil && rapid.Bool().Draw(t, "closing") {
		a.Closing = Closing{At: unstamp(6), What: "h", By: "root: why", Then: thenCancel}
	}
	if consumed(j.Class) {
		j.Asked = rapid.SampledFrom([]string{classAny, "gpus=2 mem=80"}).Draw(t, "asked")
	}
	if j.Message = rapid.Bool().Draw(t, "message"); j.Message && rapid.Bool().Draw(t, "named") {
		j.Functions, j.Awaits = []string{"f", "<lambda>"}, []string{"f"}
	}
	if rapid.Bool().Draw(t, "callback") {
		j.Callback = Callback{
			URL: "http://c/", State: rapid.SampledFrom([]CallbackState{"", CallbackDelivered, CallbackFailed}).Draw(t, "told"),
			Tries: []TriedCallback{{unstamp(8), "200"}}, Taken: 3, Held: rapid.Bool().Draw(t, "held"), Next: genTime(t, "next"), Why: "no",
		}
	}
	if rapid.Bool().Draw(t, "avoid") {
		j.Avoid = map[string]time.Time{"h": unstamp(5)}
	}
	return j
}

// TestJobRecordIsExact: a job comes back as it was written.
func TestJobRecordIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := genJob(t)
		back, err := decodeJob(j.ID, j.Version, encodeJob(&j))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(j, back); diff != "" {
			t.Fatalf("-written +read:\n%s", diff)
		}
	})
}

// TestTheUsualLimitCostsNothing: not a byte of the record, which is a step of Redis'
// memory for every job that waits.
func TestTheUsualLimitCostsNothing(t *testing.T) {
	j := Job{User: "ana", Name: "train", Class: classAny, State: Queued, Submitted: unstamp(1_790_000_000_000_000), Grace: defaultGrace}
	without := len(encodeJob(&j))
	j.Timeout, j.TimeoutFrom = usualLimit, FromDefault
	if n := len(encodeJob(&j)); n != without {
		t.Errorf("%d bytes, without a limit %d", n, without)
	}
}

// TestSpecIsExact: a spec comes back as it was written, whatever its body holds.
func TestSpecIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := rapid.StringMatching(`[a-z]{1,12}`).Draw(t, "user")
		s := Spec{
			User: user, Unix: rapid.SampledFrom([]string{"", user, "other"}).Draw(t, "unix"),
			Media:     rapid.SampledFrom([]string{MediaEnvelope, MediaJSON, "application/vnd.mlq.ref+json"}).Draw(t, "media"),
			Body:      rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
			Signature: rapid.SampledFrom([][]byte{nil, {0}, {1, 2, 3, 255}}).Draw(t, "signature"),
		}
		back, err := decodeSpec(1, encodeSpec(s))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-written +read:\n%s", diff)
		}
	})
}

// TestEntriesSort: members sort as the queue does, and say what the job says.
func TestEntriesSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genJob(t), genJob(t)
		a.QueuedAt, b.QueuedAt = unstamp(rapid.Int64Range(1, 1<<50).Draw(t, "a")), unstamp(rapid.Int64Range(1, 1<<50).Draw(t, "b"))
		ma, mb := entryMember(&a), entryMember(&b)
		switch {
		case a.Priority != b.Priority:
			if bytes.Compare(ma, mb) < 0 != (a.Priority > b.Priority) {
				t.Fatal("priority does not decide first")
			}
		case a.Rank != b.Rank:
			if bytes.Compare(ma, mb) < 0 != (a.Rank < b.Rank) {
				t.Fatal("rank does not decide second")
			}
		}
		class := a.Class
		if a.Shared {
			class = classShared
		}
		e, err := parseEntry(class, ma)
		if err != nil {
			t.Fatal(err)
		}
		if e.Job != a.ID || e.User != a.User || e.Unix != a.Unix || e.Class != a.Class || e.Priority != a.Priority || e.Rank != a.Rank || e.Devices != a.Devices {
			t.Fatalf("%+v of %+v", e, a)
		}
	})
}

// TestClassesReadBack: a class's text says all of the need.
func TestClassesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~äß]{0,8}`)
		n := Need{
			GPUs: rapid.IntRange(0, 64).Draw(t, "gpus"), MemGiB: cardSize(rapid.Int64Range(0, 400<<30).Draw(t, "mem")),
			Type: text.Draw(t, "type"), MinCC: rapid.IntRange(0, 120).Draw(t, "cc"), Host: text.Draw(t, "host"),
			Python: text.Draw(t, "python"), WorkDir: text.Draw(t, "dir"), Call: rapid.SampledFrom([]string{"", "3.11"}).Draw(t, "call"),
		}
		if rapid.Bool().Draw(t, "labels") {
			n.Labels = map[string]string{text.Draw(t, "label"): text.Draw(t, "value")}
		}
		back, err := ParseNeed(n.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(n, back); diff != "" {
			t.Fatalf("-need +read back from %q:\n%s", n, diff)
		}
	})
}

func TestCardSizes(t *testing.T) {
	for _, c := range []struct {
		shows int64 // MiB
		sold  int64 // GB
	}{{15360, 16}, {24564, 24}, {23034, 24}, {40960, 40}, {46068, 48}, {81559, 80}, {143771, 141}, {183359, 180}} {
		if !cardHas(c.shows<<20, c.sold) {
			t.Errorf("a card of %d GB shows %d MiB and does not count as one", c.sold, c.shows)
		}
	}
	if cardHas(40960<<20, 48) || cardHas(15360<<20, 18) {
		t.Error("a smaller card counts as a larger one")
	}
}
