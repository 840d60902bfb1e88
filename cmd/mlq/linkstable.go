package main

import (
	"strconv"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

// paths name distances on the PCI bus as nvidia-smi topo -m does.
var paths = map[gpu.Level]string{
	gpu.LevelInternal: "one board", gpu.LevelSingle: "PIX", gpu.LevelMultiple: "PXB",
	gpu.LevelHostBridge: "PHB", gpu.LevelNode: "NODE", gpu.LevelSystem: "SYS",
}

// linksTable lists the pairs of devices that are nearer than any two.
func linksTable(hosts []api.Host) *table {
	t := &table{
		head:  []string{"HOST", "#", "#", "NVLINKS", "PCI", "DEVICES"},
		empty: "no host says how near its devices are to each other",
	}
	for i := range hosts {
		number := map[string]string{}
		for j := range hosts[i].Devices {
			number[hosts[i].Devices[j].UUID] = strconv.Itoa(hosts[i].Devices[j].Index)
		}
		for _, l := range hosts[i].Links {
			nvlinks := ""
			if l.NVLinks > 0 {
				nvlinks = strconv.Itoa(l.NVLinks)
			}
			t.row(hosts[i].Host, number[l.A], number[l.B], nvlinks, paths[l.Level], shortUUID(l.A)+" "+shortUUID(l.B))
		}
	}
	return t
}
