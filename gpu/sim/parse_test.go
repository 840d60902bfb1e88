package sim

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

const testSeed = "00112233445566778899aabbccddeeff"

// everything has every field that a file may have.
const everything = `
driver: {version: "580.65.06", cuda: "13.0", hang: 1s, load: 3, warnings: [no Xids]}
devices:
  - name: gpu0
    model: h100
    memory: 79GiB
    cc: 9.1
    uuid: SIM-0
    pci: 0000:65:00.0
    display: true
    used: 31GiB
    processes:
      - {pid: 47, uid: 1001, user: ana, name: python3, memory: 30GiB, started: 5, since: 2026-05-04T09:12:00Z, graphics: true}
      - {pid: 48}
    utilization: 98
    temperature: 61
    power: 412.5
    power_limit: 700
    clock: 1980
    unlisted: true
    with_reserve: true
    prohibited: true
    recovery: reset
    remap_failed: true
    remap_pending: true
    uncorrected: 2
    hang: 2s
    xids: [13, 13]
  - name: gpu1
    model: A card of our own
    memory: 8GB
    recovery: none
    processes: [{pid: 1, memory: 1GiB}, {pid: 2, memory: 2GiB}, {pid: 3}]
  - {name: gpu2, model: L4, fault: lost, used: 1GiB}
  - {name: gpu3, model: L4, error: what is this, hang: 3s}
  - {name: gpu4, model: L4, fault: gone}
  - name: gpu5
    model: H200
    temperature: 40
    slices:
      - {name: a, profile: 1g.18gb, memory: 16GiB, gi: 7, ci: 1, uuid: SIM-slice, used: 1GiB, xids: [94]}
      - {name: b, memory: 16GiB, gi: 8, temperature: 41}
  - {name: gpu6, model: H200, slices: []}
links:
  - {between: [gpu0, gpu1, gpu2], level: node}
  - {between: [gpu1, gpu0], nvlinks: 18}
xids: [119]
`

func TestEverything(t *testing.T) {
	l, err := parse([]byte(everything), testSeed)
	if err != nil {
		t.Fatal(err)
	}
	want := driver{version: "580.65.06", cuda: "13.0", hang: time.Second, load: 3, warnings: []string{"no Xids"}}
	if !reflect.DeepEqual(l.driver, want) {
		t.Errorf("driver %+v", l.driver)
	}
	if len(l.devices) != 7 || !reflect.DeepEqual(l.bare, []string{"gpu6"}) {
		t.Fatalf("%d devices, bare are %v", len(l.devices), l.bare)
	}
	d := &l.devices[0]
	if d.Device != (gpu.Device{
		UUID: "SIM-0", Kind: gpu.KindSim, Model: "NVIDIA H100 80GB HBM3 (simulated)", Memory: 79 << 30, ComputeCapability: 91, PCI: "0000:65:00.0", Display: true,
	}) || d.hang != 2*time.Second {
		t.Errorf("gpu0 is %+v, hangs %s", d.Device, d.hang)
	}
	two := int64(2)
	if s := (gpu.Sample{
		UUID: "SIM-0", Used: 31 << 30, WithReserve: true, Unlisted: true, Prohibited: true, Recovery: "reset", RecoveryKnown: true,
		RemapFailed: true, RemapPending: true, Uncorrected: &two,
		Processes: []gpu.Process{
			{PID: 47, Started: 5, UID: 1001, User: "ana", Name: "python3", Memory: 30 << 30, Since: time.Date(2026, 5, 4, 9, 12, 0, 0, time.UTC), Graphics: true},
			{PID: 48, UID: -1, Memory: -1},
		},
		Readings: gpu.Readings{Utilization: new(98), Temperature: new(61), Power: new(412_500), PowerLimit: new(700_000), Clock: new(1980)},
	}); !reflect.DeepEqual(d.sample, s) {
		t.Errorf("gpu0 says %+v", d.sample)
	}
	if s := l.devices[1].sample; s.Used != 3<<30 || !s.RecoveryKnown || s.Recovery != "" || s.Readings != (gpu.Readings{}) {
		t.Errorf("gpu1 says %+v", s)
	}
	for i, want := range map[int]gpu.Sample{
		2: {Fault: gpu.FaultLost, Err: "GPU is lost"}, 3: {Fault: gpu.FaultOther, Err: "what is this"},
		4: {Fault: gpu.FaultGone, Err: "not listed by the driver any more"},
	} {
		want.UUID = l.devices[i].UUID
		if s := l.devices[i].sample; !reflect.DeepEqual(s, want) {
			t.Errorf("gpu%d says %+v", i, s)
		}
	}
	parent := gpu.DerivedUUID("SIM", testSeed, "gpu5")
	a, b := &l.devices[5], &l.devices[6]
	if a.Device != (gpu.Device{
		UUID: "SIM-slice", Index: 5, Kind: gpu.KindSim, Model: "NVIDIA H200 MIG 1g.18gb (simulated)", Memory: 16 << 30, ComputeCapability: 90, Parent: parent, GI: 7, CI: 1, Minor: 5,
	}) || a.sample.Used != 1<<30 || *a.sample.Readings.Temperature != 40 || *b.sample.Readings.Temperature != 41 {
		t.Errorf("slices %+v, %+v", a, b)
	}
	if xids := []gpu.Event{{UUID: "SIM-0", GI: -1, CI: -1, Xid: 13}, {UUID: "SIM-0", GI: -1, CI: -1, Xid: 13}, {UUID: parent, GI: 7, CI: 1, Xid: 94}, {GI: -1, CI: -1, Xid: 119}}; !reflect.DeepEqual(l.xids, xids) {
		t.Errorf("Xids %+v", l.xids)
	}
	if len(l.links) != 3 || l.links[0].NVLinks != 18 || l.links[0].Level != gpu.LevelNode || l.links[1].NVLinks != 0 {
		t.Errorf("links %+v", l.links)
	}
	sound(t, l)
}

// sound holds of every lab, whatever file it comes from: no two devices are the
// same one, all are labelled, and Decide judges what they say.
func sound(t interface {
	Errorf(format string, args ...any)
}, l *lab,
) {
	states := map[gpu.State]bool{gpu.Unknown: true, gpu.Free: true, gpu.Leased: true, gpu.Foreign: true, gpu.Clearing: true, gpu.Sick: true, gpu.Drained: true}
	seen := map[string]bool{}
	for i := range l.devices {
		d := &l.devices[i]
		if seen[d.UUID] || !gpu.IsSimulated(d.UUID) || !d.Simulated() || !strings.HasSuffix(d.Model, " (simulated)") || d.Memory <= 0 || d.Index != i {
			t.Errorf("device %+v", d.Device)
		}
		seen[d.UUID] = true
		if !gpu.IsSimulated(d.Parent) && d.Slice() {
			t.Errorf("a slice of %q", d.Parent)
		}
		s := d.sample
		s.At = time.Hour
		health := gpu.Health{}.Look(s, gpu.Clock{Boottime: time.Hour})
		again := s
		again.At += gpu.Apart
		for _, samples := range [][]gpu.Sample{{s}, {s, again}} {
			v := gpu.Decide(d.Device, gpu.Evidence{Samples: samples, Health: health}, again.At)
			if !states[v.State] || (v.State == gpu.Free) != (v.Reason == "") {
				t.Errorf("%+v is judged %+v", s, v)
			}
			if v.State == gpu.Free && (s.Fault != "" || s.Prohibited || s.Recovery != "") {
				t.Errorf("%+v is free", s)
			}
		}
		if s.UUID != d.UUID || s.Used < 0 || s.Used > d.Memory || (s.Fault != "") != (s.Err != "") {
			t.Errorf("%s of %d bytes says %+v", d.UUID, d.Memory, s)
		}
	}
	for _, k := range l.links {
		if k.A == k.B || !seen[k.A] || !seen[k.B] {
			t.Errorf("link %+v", k)
		}
	}
}

func TestRefused(t *testing.T) {
	gpu0 := "devices:\n- name: gpu0\n  model: H100\n"
	for text, want := range map[string]string{
		"":                                  "it is empty",
		"# nothing\n":                       "it is empty",
		"devices: [":                        "line 1: did not find expected node content",
		"devices:\n- name: gpu0\n model: x": "line 3: did not find expected key",
		gpu0 + "- {name: b, model: L4\n- {name: c, model: L4}\n":      "line 5: did not find expected ',' or '}', in what begins in line 4",
		gpu0 + "- {name: b, model: L4\n":                              "line 4: did not find expected ',' or '}'",
		gpu0 + " memory: 1GiB":                                        "line 4: did not find expected key",
		gpu0 + "\tmemory: 1GiB":                                       "line 4: found a tab character",
		gpu0 + "  error: \"ECC\n  used: 1\n":                          "line 5: found unexpected end of stream, in what begins in line 4",
		gpu0 + "  error: *ecc":                                        "line 4: unknown anchor",
		"{\n \"devices\": [{\"name\": \"a\" \"model\": \"L4\"}]\n}\n": "line 2: did not find expected ',' or '}'",
		"devices:\n- name: \xff\n":                                    "line 2: invalid leading UTF-8",
		"\tdevices: []":                                               "line 1: found character that cannot start any token",
		"[]":                                                          "line 1: want fields with their values, of devices, driver, links, xids",
		"gpus: []":                                                    `line 1: no field "gpus" here; there are devices, driver, links, xids`,
		"driver: {}":                                                  "line 1: no devices",
		"devices: []\n---\ndevices: []":                               "want one document",
		"devices: {}":                                                 "line 1: devices: want a list",
		"devices: [gpu0]":                                             "line 1: devices[0]: want fields with their values, of cc, clock",
		"devices: [{model: H100}]":                                    "line 1: devices[0]: it needs a name",
		"devices: [{name: a}]":                                        "devices[0]: it needs a model: one of 4090, A10,",
		"devices: [{name: a, model: Q9}]":                             `model "Q9" is not known (known are 4090,`,
		"devices: [{name: a b, model: L4}]":                           `devices[0].name: want letters, digits, dot, dash and underscore, at most 64, got "a b"`,
		"a: &a [1]\ndevices: *a":                                      `line 1: no field "a" here`,
		"devices: &a [*a]":                                            "line 1: devices[0]: want fields",
		"devices: [{<<: {name: a}}]":                                  `no field "<<" here`,
		gpu0 + "  memroy: 80GiB":                                      `line 4: devices[0]: no field "memroy" here; there are cc, clock, display,`,
		gpu0 + "  model: H200":                                        "line 4: devices[0]: model stands twice",
		gpu0 + "  memory: -1":                                         `line 4: devices[0].memory: want bytes, or a text as "80GiB", got "-1"`,
		gpu0 + "  memory: lots":                                       `line 4: devices[0].memory: want bytes, or a text as "80GiB", got "lots"`,
		gpu0 + "  memory: {}":                                         "line 4: devices[0].memory: want bytes",
		gpu0 + "  memory:":                                            "line 4: devices[0].memory: want bytes",
		gpu0 + "  cc: nine":                                           "line 4: devices[0].cc: want a CUDA compute capability",
		gpu0 + "  uuid: GPU-1":                                        "line 4: devices[0].uuid: want SIM- and",
		gpu0 + "  uuid: SIM-../x":                                     "line 4: devices[0].uuid: want SIM- and",
		gpu0 + "  pci: slot 3":                                        "line 4: devices[0].pci: want a PCI address",
		gpu0 + "  display: 1":                                         "line 4: devices[0].display: want true or false",
		gpu0 + "  used: 81GiB":                                        "line 2: devices[0]: 82944 MiB are in use of 81920 MiB",
		gpu0 + "  utilization: 101":                                   "line 4: devices[0].utilization: want a whole number from 0 to 100",
		gpu0 + "  power: hot":                                         "line 4: devices[0].power: want watts",
		gpu0 + "  power: NaN":                                         "line 4: devices[0].power: want watts",
		gpu0 + "  uncorrected: 0.5":                                   "line 4: devices[0].uncorrected: want a whole number",
		gpu0 + "  fault: broken":                                      "line 4: devices[0].fault: want lost, reset-required,",
		gpu0 + "  error: \"\\e[31m\"":                                 `line 4: devices[0].error: want a line of at most 128 printable characters, got "\x1b[31m"`,
		gpu0 + "  hang: 2h":                                           "line 4: devices[0].hang: want seconds",
		gpu0 + "  hang: -1s":                                          "line 4: devices[0].hang: want seconds",
		gpu0 + "  xids: 79":                                           "line 4: devices[0].xids: want a list",
		gpu0 + "  xids: [0]":                                          "line 4: devices[0].xids[0]: want a whole number from 1",
		gpu0 + "  processes: [{name: x}]":                             "line 4: devices[0].processes[0]: a process needs its pid",
		gpu0 + "  processes: [{pid: 1}, {pid: 1}]":                    "line 4: devices[0].processes[1]: process 1 stands twice",
		gpu0 + "  processes: [{pid: 1, memory: -5}]":                  "line 4: devices[0].processes[0].memory: want bytes",
		gpu0 + "  processes: [{pid: 1, since: today}]":                "line 4: devices[0].processes[0].since: want a time",
		gpu0 + "  processes: [{pid: 1, memory: 90GiB}]":               "line 2: devices[0]: 92160 MiB are in use of 81920 MiB",
		gpu0 + "  slices:":                                            "line 4: devices[0].slices: want a list",
		gpu0 + "  slices: [{name: a}]":                                "line 4: devices[0].slices[0]: a slice needs its memory",
		gpu0 + "  slices: [{name: a, memory: 81GiB}]":                 "line 4: devices[0].slices[0]: a slice of 82944 MiB of a GPU that has 81920 MiB",
		gpu0 + "  slices: [{memory: 1GiB}]":                           "line 4: devices[0].slices[0]: it needs a name",
		gpu0 + "  slices: [{name: a, memory: 1GiB, cc: 9.0}]":         `line 4: devices[0].slices[0]: no field "cc" here`,
		gpu0 + "  slices: [{name: a, memory: 1GiB}, {name: a, memory: 1GiB}]":                        "line 4: devices[0].slices[1]: the name gpu0/a is also in line 4",
		gpu0 + "  used: 1GiB\n  slices: [{name: a, memory: 1GiB}]":                                   "line 5: devices[0].slices: who uses a GPU that is cut",
		gpu0 + "- {name: gpu0, model: L4}":                                                           "line 4: devices[1]: the name gpu0 is also in line 2",
		"devices: [{name: a, model: L4, uuid: SIM-1}, {name: b, model: L4, uuid: SIM-1}]":            "devices[1]: the UUID SIM-1 is also in line 1",
		"devices: [{name: a, model: L4, pci: '65:00.0'}, {name: b, model: L4, pci: '0000:65:00.0'}]": "devices[1]: the PCI address 0000:65:00.0 is also in line 1",
		gpu0 + "links: [{between: [gpu0, gpu9]}]":                                                    `line 4: links[0].between[1]: no device has the name "gpu9"`,
		gpu0 + "links: [{between: [gpu0]}]":                                                          "line 4: links[0]: want at least two devices",
		gpu0 + "links: [{between: [gpu0, gpu0]}]":                                                    "line 4: links[0].between[1]: gpu0 stands twice",
		gpu0 + "links: [{nvlinks: -1}]":                                                              "line 4: links[0].nvlinks: want a whole number",
		gpu0 + "links: [{level: near}]":                                                              "line 4: links[0].level: want internal, single,",
		gpu0 + "  slices: []\n- {name: b, model: L4}\nlinks: [{between: [gpu0, b]}]":                 "line 6: links[0].between[0]: gpu0 is cut into slices",
		"driver: {down: ''}\ndevices: []":                                                            "line 1: driver.down: want a line",
		"driver: {load: 0}\ndevices: []":                                                             "line 1: driver.load: want a whole number from 1",
	} {
		if _, err := parse([]byte(text), testSeed); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n\tgot  %v\n\twant …%s…", text, err, want)
		}
	}
}

// TestExample: the worked example is right, and so is each line of it that is there to be tried.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("../../examples/sim/lab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := parse(text, testSeed)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, l)
	lines := strings.Split(string(text), "\n")
	tried := 0
	for i, line := range lines {
		field, isField := strings.CutPrefix(strings.TrimLeft(line, " "), "# ")
		if name, _, named := strings.Cut(field, ": "); !isField || !named || strings.Contains(name, " ") {
			continue
		}
		tried++
		changed := append([]string(nil), lines...)
		changed[i] = strings.Replace(line, "# ", "", 1)
		if _, err := parse([]byte(strings.Join(changed, "\n")), testSeed); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if tried < 7 {
		t.Errorf("only %d lines were tried", tried)
	}
}

// A driver that does not answer says so once.
func TestWordsOfASilentDevice(t *testing.T) {
	l, err := parse([]byte("devices: [{name: a, model: H100, fault: timeout}]"), "seed")
	if err != nil {
		t.Fatal(err)
	}
	d := l.devices[0]
	s := d.sample
	s.At = time.Hour
	if v := gpu.Decide(d.Device, gpu.Evidence{Samples: []gpu.Sample{s}}, time.Hour); v.Reason != "the driver did not answer in time" {
		t.Errorf("%q", v.Reason)
	}
}
