// Package devicefile names files after devices. Drivers before 470.42 name a
// slice MIG-GPU-<uuid>/<gi>/<ci>, which is no name of a file.
package devicefile

import "strings"

// Name is the name of a device's file or folder, without a slash.
func Name(uuid string) string { return strings.ReplaceAll(uuid, "/", "_") }

// UUID is the device that a file of this name belongs to. No UUID of ours or of
// the driver has an underscore.
func UUID(name string) string { return strings.ReplaceAll(name, "_", "/") }
