package main

import (
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/gpu"
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

// mostIDs bounds the ids of one range.
const mostIDs = 10_000

// readIDs reads ids and ranges of them: 53 60-75.
func readIDs(texts []string) ([]scheduler.JobID, error) {
	ids := make([]scheduler.JobID, 0, len(texts))
	for _, text := range texts {
		low, high, isRange := strings.Cut(text, "-")
		first, err := readID(low)
		if err != nil || !isRange {
			if first, err = readID(text); err != nil {
				return nil, err
			}
			ids = append(ids, first)
			continue
		}
		last, err := readID(high)
		if err != nil || last < first || last-first >= mostIDs {
			return nil, usage("job ids %q: want FIRST-LAST with at most %d ids", text, mostIDs)
		}
		for id := first; id <= last; id++ {
			ids = append(ids, id)
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
	if uuid == host { // a consumer is its own device
		return shortConsumer(host)
	}
	return host + "/" + deviceInWords(uuid)
}

// shortConsumer is a consumer's name with as much of its id as tells it apart.
func shortConsumer(host string) string {
	const enough = len("consumer-") + 8
	return host[:min(len(host), enough)]
}

// deviceInWords names a device by what tells it apart, and says where it is simulated.
func deviceInWords(uuid string) string {
	if gpu.IsSimulated(uuid) {
		return shortUUID(uuid) + " (simulated)"
	}
	return shortUUID(uuid)
}

func shortUUID(uuid string) string {
	const enough = len("GPU-") + 8
	if len(uuid) <= enough {
		return uuid
	}
	return uuid[:enough]
}

// allInWords names several devices by their UUIDs.
func allInWords(uuids []string) string {
	names := make([]string, len(uuids))
	for i, uuid := range uuids {
		names[i] = deviceInWords(uuid)
	}
	return strings.Join(names, " ")
}
