package scheduler_test

import (
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// TestSignedByAnEarlierBuild: what a build of 2026-11-27 has signed is genuine to this one,
// byte for byte as it lies in stores. Where this test fails, every server and agent would
// refuse all that is there once it was upgraded: change no order of what is signed, and
// give a new field of it no bytes where it is not set.
func TestSignedByAnEarlierBuild(t *testing.T) {
	w := signedWorld(t, ringOf("mlq", 1))
	for id, stored := range map[scheduler.JobID]struct{ class, live, spec string }{
		1: { // all that a request can ask for
			"gpus=4 mem=80 type=h100 cc=90 host=gpu1 label=net:ib label=rack:2 python=3.11 call=3.11 dir=%2Fdata%2Fa+b",
			`{"u":"alice","x":"al","n":"true","c":"gpus=4 mem=80 type=h100 cc=90 host=gpu1 label=net:ib label=rack:2 python=3.11 call=3.11 dir=%2Fdata%2Fa+b","g":4,"i":"0.0.hojkimrg7j","lt":5400000000,"lg":30000000,"kp":true}`,
			"alice\tal\tj\t+k2+ElDlAuWqtt1N6Ih7SoEFaYtg6vrKMWxd9WcH8ZFdpdjsDdtSUDTOWUTSP7HznJzWRFRgzbO3mqXGZspt7EgC\n" + `{"command": ["true"]}`,
		},
		2: { // a message to a function of hosts
			"gpus=1 type=a100 call=3.11",
			`{"u":"alice","x":"al","c":"type=a100 call=3.11","i":"0.1.hojkimrggz","m":true,"fn":["f"]}`,
			"alice\tal\tj\t+k1TFatEwkG6dLHo4hxE+oph0qHSXp2In7J/fNZk8eXNGoKkq7MU24YYGxBMmjdz3GrLI5lPe0ZJECi8L7XSHlEF\n" + `{"msg": 1}`,
		},
		3: { // a message to consumers, as an envelope
			"gpus=1 consumer=alice function=g",
			`{"u":"alice","x":"al","c":"consumer=alice function=g","i":"0.1.hojkimrgjh","m":true,"fn":["g"],"ac":"type=a100"}`,
			"alice\tal\t\t+k1DnXtmg9tPK+NB1PnH8XFe/D+Bq4NDFrKEG7eC/dfXERT9TL6nHE/aQ0pkFkA+obLHhbIoTMTLowqEAMm3mXUB\n" + `{"msg": 1}`,
		},
		4: { // a hold
			"gpus=1",
			`{"u":"alice","x":"al","i":"0.1.hojkimrgn2","lt":3600000000,"hd":true}`,
			"alice\tal\tj\t+k1NgJf+xkxm6UeK+tZOStRuNOx09uOThsNC5ksegHKEiiEa853AQHWkf5c8DSnY/HzXrd/BMOgrd1vrillDOJMG\n" + `{"hold": true}`,
		},
	} {
		w.forge(liveKey(id), []byte(stored.live))
		w.forge(specKey(id), []byte(stored.spec))
		job, _, err := w.s.SignedJob(w.ctx, id)
		if err != nil || job.Class != stored.class {
			t.Errorf("job %d, in class %q: %v", id, job.Class, err)
		}
		if need, err := scheduler.ParseNeed(stored.class); err != nil || need.String() != stored.class {
			t.Errorf("class %q is written as %q now, %v", stored.class, need, err)
		}
	}
	w.forge("spec:functions:alice", []byte(functionsOfAnEarlierBuild))
	list, err := w.s.Functions(w.ctx, "alice")
	w.must(err)
	for i := range list {
		if err := w.s.VerifyFunctions("alice", list[i:i+1]); err != nil {
			t.Errorf("%+v: %v", list[i], err)
		}
	}
}

// A function that was registered with its pickle alone, and one with all that there is.
const functionsOfAnEarlierBuild = `[` +
	`{"name":"f","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":12,"python":"3.11",` +
	`"registered":"2026-11-27T06:04:42.529346Z",` +
	`"sig":"+k28YyWebvH5MwALFwIWrjUswci8fj1bUBD3Fux32p6xBC+0EAHbdsHAHnYFjD8XW8s3Kby7UCBGRwWXADIuOxcH"},` +
	`{"name":"g","sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","size":34,` +
	`"registered":"2026-11-27T06:04:42.529346Z","form":"source","keep":true,"idle":60000000000,"filename":"model.py",` +
	`"request":{"gpus":1,"x":"\u003c\u0026\u003e"},"class":"gpus=1","unix":"al","process":{"g":3,"j":7},` +
	`"sig":"+k1P9n0Iaes9/4UNuljmaQIG0UOagXS4O5mJIyLhTFHCOt9McMparDzN39jPNipaVy9Cbwq+tgs5y0UdH1zyYbUH"}]`
