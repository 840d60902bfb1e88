//go:build linux && cgo

// Command nvmltimes measures what NVIDIA's driver takes to answer, for make
// test-gpu. It prints JSON.
//
//	nvmltimes UUID         times of each call, of our looks, and memory in use
//	nvmltimes -watch UUID  a line "SECONDS USED" every few ms, until its input ends
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// report is what is printed. Times are in ms, memory in bytes.
type report struct {
	Driver      string           `json:"driver"`
	CUDA        string           `json:"cuda"`
	Persistence string           `json:"persistence"`
	ECC         string           `json:"ecc"`
	ComputeMode string           `json:"compute_mode"`
	Devices     []device         `json:"devices"`
	Init        []float64        `json:"init_ms"` // opening and letting go, several times
	Calls       map[string]spent `json:"calls"`
	Memory      memory           `json:"memory"`
}

// device is a device as our provider lists it.
type device struct {
	UUID   string `json:"uuid"`
	Model  string `json:"model"`
	Kind   string `json:"kind"`
	Memory int64  `json:"memory"`
	CC     int    `json:"cc"`
	Minor  int    `json:"minor"`
	PCI    string `json:"pci"`
	Parent string `json:"parent,omitempty"`

	Used      int64  `json:"used"`
	Processes int    `json:"processes"`
	Fault     string `json:"fault,omitempty"`
}

// memory of a device on which nothing runs, as each form of the call tells it.
type memory struct {
	V1Used     uint64 `json:"v1_used"`
	V2Used     uint64 `json:"v2_used"`
	V2Reserved uint64 `json:"v2_reserved"`
	Ours       int64  `json:"ours"`
}

// spent says how long calls took.
type spent struct {
	N      int     `json:"n"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
	Max    float64 `json:"max_ms"`
	Answer string  `json:"answer"` // what the last call said, where that is not success
}

func spentOf(times []float64, answer string) spent {
	times = slices.Sorted(slices.Values(times))
	at := func(share float64) float64 { return times[int(share*float64(len(times)-1)+0.5)] }
	return spent{len(times), at(0.5), at(0.99), at(1), answer}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "nvmltimes:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "-watch":
		return watch(args[1])
	case len(args) > 1:
		return fmt.Errorf("usage: nvmltimes [UUID], or nvmltimes -watch UUID")
	}
	r := report{Calls: map[string]spent{}}
	if err := r.opening(); err != nil {
		return err
	}
	uuid := ""
	if len(args) == 1 {
		uuid = args[0]
	}
	if err := r.looks(uuid); err != nil {
		return err
	}
	if uuid != "" {
		if err := r.calls(uuid); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// said is an error, if the driver said one.
func said(call string, r nvml.Return) error {
	if r == nvml.SUCCESS {
		return nil
	}
	return fmt.Errorf("%s: %s (%d)", call, nvml.ErrorString(r), int(r))
}
