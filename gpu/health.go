package gpu

import "time"

// Cure is what makes a sick device well.
type Cure string

// The cures.
const (
	CureNone  Cure = ""
	CureReset Cure = "reset" // an admin who has reset it, a new boot, or a driver that was loaded anew
	CureBoot  Cure = "boot"  // an admin, or a new boot
	CureClean Cure = "clean" // the driver itself, after it has said for ten minutes that all is well; or any of the others
)

// Health is what is known of a device's health. It lasts over restarts of the
// agent. The zero value is a healthy one.
type Health struct {
	// Sick says why it may not be used, in words; "": it may.
	Sick string `json:",omitempty"`
	// Warning is a doubt that does not keep it from use; "": none.
	Warning string    `json:",omitempty"`
	Since   time.Time // of Sick
	Cure    Cure      `json:",omitempty"`
	Xid     int       `json:",omitempty"` // the last that concerned the device; 0: none
	// Boot is the boot of the host, and Generation that of the driver, in which it was found.
	Boot string `json:",omitempty"`
	// Well is the CLOCK_BOOTTIME since which the driver says that all is well; 0: it does not.
	Well time.Duration `json:",omitempty"`
	// Doubts counts unexplained errors in a row.
	Doubts int `json:",omitempty"`
	// Uncorrected is the count of memory errors at the last look.
	Uncorrected int64 `json:",omitempty"`
}

// Blame says whose fault an Xid is.
type Blame string

// The blames.
const (
	BlameNobody Blame = ""       // it concerns other devices, or nothing
	BlameJob    Blame = "job"    // the application's
	BlameDevice Blame = "device" // the card's, or the driver's
)
