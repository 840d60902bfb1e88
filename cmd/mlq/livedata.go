package main

import (
	"errors"
	"os"
	"path/filepath"
)

// unfinished marks a data folder while it is being filled, with the path of the blobs.
const unfinished = "restoring"

// refuseHalf refuses a data folder that a restore left half filled.
func (d *dataFolder) refuseHalf() error {
	if _, err := os.Stat(d.join(unfinished)); err != nil {
		return nil
	}
	return misconfigured("the data folder %s is half restored: mlq restore did not finish", d.path).with("run mlq restore again; it begins anew")
}

// restoredParts are what a restore fills in the folder of blobs.
var restoredParts = []string{"blobs", "logs"}

// checkFolders refuses live data. What a restore that was cut off has left is none.
func (r *restorer) checkFolders() error {
	if begun, err := os.ReadFile(r.data.join(unfinished)); err == nil && string(begun) == r.blobs {
		r.half = true
		return nil
	}
	for _, part := range restoredParts {
		entries, err := os.ReadDir(filepath.Join(r.blobs, part))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return failed("restore: %w", err)
		}
		if len(entries) > 0 {
			return r.live("the folder of blobs %s holds %s of a server", r.blobs, part)
		}
	}
	return nil
}

// clearHalf removes what a restore that was cut off has left: that, and nothing
// else of a folder which may be the mount of a file system, or somebody's.
func (r *restorer) clearHalf() error {
	if !r.half {
		return nil
	}
	for _, part := range restoredParts {
		if err := os.RemoveAll(filepath.Join(r.blobs, part)); err != nil {
			return failed("restore: %w", err)
		}
	}
	return nil
}

func (r *restorer) live(format string, args ...any) error {
	return failed("refusing to restore over live data: "+format, args...).
		with("move it away (mv %s %s.old), or restore elsewhere with --data, --store and --blobs", r.data.path, r.data.path)
}

// liveStore is live for a store, which on Redis is no part of the data folder.
func (r *restorer) liveStore(what string) error {
	if r.place.kind != onRedis {
		return r.live("%s", what)
	}
	return failed("refusing to restore over live data: %s", what).with("name another namespace with --namespace, or an empty Redis with --store")
}
