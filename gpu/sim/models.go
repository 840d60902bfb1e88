package sim

import (
	"slices"
	"strings"
)

// model is what a simulated device pretends to be.
type model struct {
	name   string
	memory int64 // bytes
	cc     int   // major*10 + minor
}

// models are those that are known by a short name. Memory is the nominal one;
// the compute capabilities are those of NVIDIA's list of CUDA GPUs.
var models = map[string]model{
	"T4":    {"Tesla T4", 15 << 30, 75},
	"V100":  {"Tesla V100-SXM2-32GB", 32 << 30, 70},
	"A10":   {"NVIDIA A10", 23 << 30, 86},
	"A100":  {"NVIDIA A100-SXM4-80GB", 80 << 30, 80},
	"L4":    {"NVIDIA L4", 23 << 30, 89},
	"L40S":  {"NVIDIA L40S", 45 << 30, 89},
	"H100":  {"NVIDIA H100 80GB HBM3", 80 << 30, 90},
	"H200":  {"NVIDIA H200", 141 << 30, 90},
	"4090":  {"NVIDIA GeForce RTX 4090", 24 << 30, 89},
	"A6000": {"NVIDIA RTX A6000", 48 << 30, 86},
}

// defaultModel is what sim:N offers.
const defaultModel = "A100"

func findModel(short string) (model, bool) {
	m, ok := models[strings.ToUpper(short)]
	return m, ok
}

func modelNames() string {
	names := make([]string, 0, len(models))
	for name := range models {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// labelled is a model's name with the word that every place has to show.
func labelled(name string) string {
	return trimLabel(name) + label
}

func trimLabel(name string) string { return strings.TrimSuffix(name, label) }

const label = " (simulated)"
