package main

import "testing"

func TestShortDevice(t *testing.T) {
	for worker, want := range map[string]string{
		"lab-1/GPU-5d000000-0000-4000-8000-000000000000":      "lab-1/GPU-5d000000",
		"consumer-45306426fb85cc52/consumer-45306426fb85cc52": "consumer-45306426",
		"lab-1": "lab-1",
	} {
		if got := shortDevice(worker); got != want {
			t.Errorf("%s: %q, want %q", worker, got, want)
		}
	}
}
