package main

import "testing"

func TestGPUMetricsFlag(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{"dcgm": true, "none": true, "": false, "DCGM": false, "all": false} {
		g := gpuMetricsDCGM
		if err := g.Set(text); (err == nil) != ok || ok != (string(g) == text) {
			t.Errorf("%q: %v, %s", text, err, g)
		}
	}
}
