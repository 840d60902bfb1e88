package scheduler

import (
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// TestProcessNext: what becomes of the process of a kept function that messages wait for.
func TestProcessNext(t *testing.T) {
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	ended := func(s State, ago time.Duration) *Job { return &Job{ID: 7, State: s, EndedAt: now.Add(-ago)} }
	for _, c := range []struct {
		name   string
		p      Process
		job    *Job
		want   Process
		begin  bool
		submit bool
	}{
		{"the first", Process{}, nil, Process{Generation: 1}, true, true},
		{"noted, not submitted", Process{Generation: 1}, nil, Process{Generation: 1}, false, true},
		{"it waits", Process{Generation: 1, Job: 7}, ended(Queued, 0), Process{Generation: 1, Job: 7}, false, false},
		{"it loads", Process{Generation: 1, Job: 7}, ended(Running, 0), Process{Generation: 1, Job: 7}, false, false},
		{"it gave back", Process{Generation: 1, Job: 7, Failures: 3}, ended(Succeeded, 0), Process{Generation: 2}, true, true},
		{"it is forgotten", Process{Generation: 4, Job: 7}, nil, Process{Generation: 5}, true, true},
		{"it failed just now", Process{Generation: 1, Job: 7}, ended(Failed, time.Second), Process{Generation: 1, Job: 7}, false, false},
		{"it failed a while ago", Process{Generation: 1, Job: 7}, ended(Failed, 13*time.Second), Process{Generation: 2, Failures: 1}, true, true},
		{"it failed again", Process{Generation: 2, Job: 7, Failures: 1}, ended(Failed, 13*time.Second), Process{Generation: 2, Job: 7, Failures: 1}, false, false},
		{"it fails for ever", Process{Generation: 30, Job: 7, Failures: 29}, ended(Failed, 13*time.Minute), Process{Generation: 31, Failures: 30}, true, true},
		{"it was cancelled", Process{Generation: 1, Job: 7}, ended(Cancelled, 0), Process{Generation: 1, Job: 7}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, begin, submit := c.p.Next(c.job, now, DefaultTiming())
			if got != c.want || begin != c.begin || submit != c.submit {
				t.Errorf("got %+v, %v, %v", got, begin, submit)
			}
		})
	}
}

// TestWantedOf: who could run if a job gave its devices back.
func TestWantedOf(t *testing.T) {
	card := func(uuid string, gib int64, free bool) OfferedDevice {
		return OfferedDevice{Device: gpu.Device{UUID: uuid, Kind: gpu.KindGPU, Memory: gib << 30}, Free: free}
	}
	offer := func(devices ...OfferedDevice) Offer {
		return Offer{Host: "node1", Devices: devices, Environments: []Environment{{Name: "default", Version: "3.11.7"}}}
	}
	entry := func(id JobID, user, class string, most int) Entry {
		n, err := ParseNeed(class)
		if err != nil {
			t.Fatal(err)
		}
		return Entry{Job: id, User: user, Class: class, Devices: n.Slots(), MaxDevices: most}
	}
	job := Job{ID: 1, User: "ana", Attempts: []Attempt{{Devices: []string{"A"}}}}
	for _, c := range []struct {
		name    string
		offer   Offer
		entries []Entry
		want    JobID // 0: nobody
	}{
		{"nobody waits", offer(card("A", 80, false)), nil, 0},
		{"one for its device", offer(card("A", 80, false)), []Entry{entry(2, "bob", "gpus=1", 0)}, 2},
		{"another device is free", offer(card("A", 80, false), card("B", 80, true)), []Entry{entry(2, "bob", "gpus=1", 0)}, 0},
		{"the free one is too small", offer(card("A", 80, false), card("B", 16, true)), []Entry{entry(2, "bob", "gpus=1 mem=80", 0)}, 2},
		{"its device is too small", offer(card("A", 16, false)), []Entry{entry(2, "bob", "gpus=1 mem=80", 0)}, 0},
		{"one for two, of which one is free", offer(card("A", 80, false), card("B", 80, true)), []Entry{entry(2, "bob", "gpus=2", 0)}, 2},
		{"one for two, of which none is", offer(card("A", 80, false), card("B", 80, false)), []Entry{entry(2, "bob", "gpus=2", 0)}, 0},
		{"its user holds enough", offer(card("A", 80, false)), []Entry{entry(2, "bob", "gpus=1", 1), entry(3, "eva", "gpus=1", 1)}, 3},
		{"its own user, who then holds less", offer(card("A", 80, false)), []Entry{entry(2, "ana", "gpus=1", 1)}, 2},
		{"for another host", offer(card("A", 80, false)), []Entry{entry(2, "bob", "gpus=1 host=node2", 0)}, 0},
		{"for a consumer", offer(card("A", 80, false)), []Entry{entry(2, "bob", "gpus=1 consumer=bob function=f", 0)}, 0},
		{"a CPU job", offer(card("A", 80, false)), []Entry{entry(2, "bob", "gpus=0", 0)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := View{Entries: c.entries, Held: map[string]int64{"ana": 1, "bob": 1}}
			before := slices.Clone(c.offer.Devices)
			got := wantedOf(&v, c.offer, &job)
			if got == nil && c.want != 0 || got != nil && got.Job != c.want {
				t.Errorf("got %+v", got)
			}
			if !slices.EqualFunc(before, c.offer.Devices, func(a, b OfferedDevice) bool { return a.Free == b.Free }) {
				t.Error("the offer was changed")
			}
		})
	}
	drained := View{Entries: []Entry{entry(2, "bob", "gpus=1", 0)}, Drained: "root"}
	if got := wantedOf(&drained, offer(card("A", 80, false)), &job); got != nil {
		t.Errorf("on a drained host: %+v", got)
	}
}
