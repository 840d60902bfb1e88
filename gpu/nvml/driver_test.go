package nvml

import "testing"

func TestWrongLists(t *testing.T) {
	for driver, want := range map[string]bool{
		"535.43.02": true, "535.54.03": true, "535.85": true, "535.42": false, "535.86.05": false, "535.129.03": false,
		"530.54": false, "580.54.03": false, "535": false, "": false, "535.x": false,
	} {
		if got := wrongLists(driver); got != want {
			t.Errorf("%q: %v", driver, got)
		}
	}
}

func TestInstances(t *testing.T) {
	for uuid, want := range map[string][3]int{
		"MIG-GPU-5d000000-0000-4000-8000-000000000000/7/1": {7, 1, 1},
		"MIG-5d000000-0000-4000-8000-000000000000":         {0, 0, 0},
		"GPU-x/1/2":       {0, 0, 0},
		"MIG-GPU-x/a/0":   {0, 0, 0},
		"MIG-GPU-x/1/b":   {1, 0, 0},
		"MIG-GPU-x/1/0/3": {0, 0, 0},
	} {
		gi, ci, ok := instances(uuid)
		if ok != (want[2] == 1) || ok && (gi != want[0] || ci != want[1]) {
			t.Errorf("%s: %d, %d, %v", uuid, gi, ci, ok)
		}
	}
}

func TestRecovery(t *testing.T) {
	if recovery(0) != "" {
		t.Error("a well GPU is to be recovered")
	}
	for action := range uint32(20) {
		if action > 0 && recovery(action) == "" {
			t.Errorf("action %d is nothing", action)
		}
	}
}
