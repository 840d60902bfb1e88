package main

import (
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/scheduler"
)

// readID reads a job's id.
func readID(text string) (scheduler.JobID, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, usage("job id %q: want a number from 1", text)
	}
	return scheduler.JobID(n), nil
}

func readIDs(texts []string) ([]scheduler.JobID, error) {
	ids := make([]scheduler.JobID, len(texts))
	for i, text := range texts {
		var err error
		if ids[i], err = readID(text); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func idText(id scheduler.JobID) string { return strconv.FormatInt(int64(id), 10) }

// jobPath is the path of a job, or of something of it.
func jobPath(id scheduler.JobID, more string) string { return "/jobs/" + idText(id) + more }

// shortDevice cuts a device's UUID to what tells it apart in a table.
func shortDevice(worker string) string {
	host, uuid, ok := strings.Cut(worker, "/")
	if !ok {
		return worker
	}
	return host + "/" + shortUUID(uuid)
}

func shortUUID(uuid string) string {
	const enough = len("GPU-") + 8
	if len(uuid) <= enough {
		return uuid
	}
	return uuid[:enough]
}
