package scheduler

import "testing"

// A job for a host also fits the agents of single devices there, and no other host's.
func TestHostMeansItsAgents(t *testing.T) {
	for _, tt := range []struct {
		want, agent string
		fits        bool
	}{
		{"gpu1", "gpu1", true},
		{"gpu1", "gpu1@0", true},
		{"gpu1", "gpu1@0000:65:00.0", true},
		{"gpu1@0", "gpu1@0", true},
		{"gpu1@0", "gpu1@1", false},
		{"gpu1@0", "gpu1", false},
		{"gpu1", "gpu10", false},
		{"gpu1", "gpu10@1", false},
	} {
		o := Offer{Host: tt.agent, Environments: []Environment{{Name: "default", Version: "3.11.7"}}}
		if m := fitHost(Need{GPUs: 1, Host: tt.want}, "", &o); (m == nil) != tt.fits {
			t.Errorf("a job for %s on %s: %+v", tt.want, tt.agent, m)
		}
	}
}
