package world

import (
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// TestLosses: what a promoted replica lacked may be lost, from the last moment at
// which it had all until its master before could acknowledge nothing more; and what a killed
// master acknowledged since its file was last seen to have all.
func TestLosses(t *testing.T) {
	t.Parallel()
	master := func(at, offset int64) look {
		return look{seen: true, sight: sight{at: ns(at), runID: "a", master: true, offset: offset, history: "A", second: -1}}
	}
	anew := func(at, offset int64) look { // it was killed, and has come back as the master
		return look{seen: true, sight: sight{at: ns(at), runID: "a2", master: true, offset: offset, history: "A2", second: -1}}
	}
	waits := func(at, offset int64) look { // for its file
		l := master(at, offset)
		l.waits = true
		return l
	}
	replica := look{seen: true, sight: sight{runID: "b", second: -1}}
	promoted := look{seen: true, sight: sight{runID: "b", master: true, before: "A", second: 21}}
	other := look{seen: true, sight: sight{runID: "b", master: true, before: "B", second: 21}} // with data of its own
	demoted := look{seen: true, sight: sight{runID: "a"}}
	follows := look{seen: true, sight: sight{at: 40, runID: "a"}}
	hung, dead := look{}, look{dead: true}
	before := [][2]look{{master(10, 10), replica}, {master(20, 20), replica}, {master(30, 30), replica}}
	for name, c := range map[string]struct {
		then []([2]look)
		want []record.Interval
	}{
		"nothing happens":                       {nil, nil},
		"killed, then promoted":                 {[][2]look{{dead, replica}, {dead, promoted}}, []record.Interval{lost(30, 40), lost(20, 50)}},
		"killed, and back":                      {[][2]look{{dead, replica}, {dead, replica}, {anew(60, 30), replica}}, []record.Interval{lost(30, 40)}},
		"killed while its file was synced":      {[][2]look{{waits(40, 40), replica}, {waits(50, 50), replica}, {dead, replica}}, []record.Interval{lost(30, 60)}},
		"killed when its file had all again":    {[][2]look{{waits(40, 40), replica}, {master(50, 50), replica}, {dead, replica}}, []record.Interval{lost(50, 60)}},
		"killed, and back before the next look": {[][2]look{{anew(40, 5), replica}}, []record.Interval{lost(30, 40)}},
		"it hangs, and comes to":                {[][2]look{{hung, promoted}, {hung, promoted}, {demoted, promoted}}, []record.Interval{lost(20, 60)}},
		"started again, it takes itself for the master": {
			[][2]look{{dead, promoted}, {dead, promoted}, {master(60, 30), promoted}, {demoted, promoted}},
			[]record.Interval{lost(30, 40), lost(20, 40), lost(40, 70)},
		},
		"killed, back with a history that the replica did not follow, killed, then promoted": {
			[][2]look{{anew(40, 5), replica}, {anew(50, 15), replica}, {dead, promoted}}, []record.Interval{lost(30, 40), lost(50, 60), lost(20, 60)},
		},
		"promoted a moment ago over one that is back, and did not follow it": {
			[][2]look{{follows, replica}, {anew(50, 5), replica}, {dead, other}}, []record.Interval{lost(40, 60), lost(40, 60)},
		},
		"promoted while its master only hangs, killed, and a replica of it again": {
			[][2]look{{hung, promoted}, {master(50, 40), promoted}, {master(60, 50), dead}, {master(70, 60), replica}},
			[]record.Interval{lost(20, 70), lost(30, 70)},
		},
		"a replica that is away": {[][2]look{{master(40, 40), dead}, {master(50, 50), replica}}, nil},
	} {
		var l losses
		var got []record.Interval
		for i, looks := range append(slices.Clone(before), c.then...) {
			got = append(got, l.step(ns(int64(i+1)*10), looks)...)
		}
		if !slices.Equal(got, c.want) || l.open(ns(999)) != nil {
			t.Errorf("%s: lost %v, want %v; open %v", name, got, c.want, l.open(ns(999)))
		}
	}
}

func ns(n int64) time.Duration { return time.Duration(n) }

func lost(from, to int64) record.Interval {
	return record.Interval{Kind: record.Loss, FromNS: from, ToNS: to}
}
