package gpu

import (
	"strings"
	"testing"
)

func TestMend(t *testing.T) {
	slice := Device{UUID: "MIG-1", Kind: KindMIG, Parent: "GPU-1", PCI: "0000:65:00.0"}
	pci := card
	pci.PCI = "0000:65:00.0"
	for _, tt := range []struct {
		name   string
		cure   Cure
		device Device
		want   string
	}{
		{"a GPU, by its address", CureReset, pci, "mlq gpu detach GPU-1, on its host nvidia-smi --gpu-reset -i 0000:65:00.0, mlq gpu attach GPU-1, mlq gpu reset-health GPU-1;"},
		{"a GPU, by its UUID", CureReset, card, "nvidia-smi --gpu-reset -i GPU-1,"},
		{"a slice, with its GPU", CureReset, slice, "mlq gpu detach MIG-1, on its host nvidia-smi --gpu-reset -i GPU-1, mlq gpu attach MIG-1, mlq gpu reset-health MIG-1;"},
		{"a boot", CureBoot, pci, "a new boot of its host; or, if the card was mended in another way, mlq gpu reset-health GPU-1"},
		{"the driver's word: the commands", CureClean, pci, "a reset: mlq gpu detach GPU-1, on its host nvidia-smi --gpu-reset -i 0000:65:00.0, mlq gpu attach GPU-1;"},
		{"the driver's word", CureClean, pci, "asked for nothing for ten minutes, or after mlq gpu reset-health GPU-1"},
		{"a simulated device has no card", CureReset, Device{UUID: "SIM-1", Kind: KindSim}, "mlq gpu reset-health SIM-1"},
	} {
		h := Health{Sick: "x", Cure: tt.cure}
		if got := h.Mend(&tt.device); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want …%q…", tt.name, got, tt.want)
		}
		if got := h.Mend(&tt.device); tt.device.Kind == KindSim && got != tt.want {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	if got := (&Health{Warning: "x"}).Mend(&card); got != "" {
		t.Errorf("a well one is mended by %q", got)
	}
}
