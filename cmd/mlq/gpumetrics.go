package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

// gpuMetrics says under which names /metrics has the readings of devices.
type gpuMetrics string

const (
	gpuMetricsDCGM gpuMetrics = "dcgm" // those of NVIDIA's dcgm-exporter
	gpuMetricsNone gpuMetrics = "none"
)

func (g *gpuMetrics) bind(f *pflag.FlagSet) {
	*g = gpuMetricsDCGM
	f.Var(g, "gpu-metrics", `readings of devices in /metrics: "dcgm", under the names of NVIDIA's dcgm-exporter, or "none", where that runs too`)
	variable(f, "gpu-metrics", "MLQ_GPU_METRICS")
}

// Set implements pflag.Value.
func (g *gpuMetrics) Set(text string) error {
	switch gpuMetrics(text) {
	case gpuMetricsDCGM, gpuMetricsNone:
		*g = gpuMetrics(text)
		return nil
	}
	return fmt.Errorf("want dcgm or none")
}

// String implements pflag.Value.
func (g *gpuMetrics) String() string { return string(*g) }

// Type implements pflag.Value.
func (g *gpuMetrics) Type() string { return "names" }
