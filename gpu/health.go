package gpu

import "time"

// Cure is what makes a sick device well.
type Cure string

// The cures. Each heals what a weaker one heals: the order is clean, reset, boot.
const (
	CureNone  Cure = ""
	CureReset Cure = "reset" // an admin who has reset it, a new boot, or a driver that was loaded anew
	CureBoot  Cure = "boot"  // an admin, or a new boot
	CureClean Cure = "clean" // the driver itself, after it has said for ten minutes that all is well; or any of the others
)

// weight orders the cures: the heavier one is harder to get.
func (c Cure) weight() int {
	switch c {
	case CureClean:
		return 1
	case CureReset:
		return 2
	case CureBoot:
		return 3
	case CureNone:
	}
	return 0
}

// Health is what is known of a device's health. It lasts over restarts of the
// agent. The zero value is a healthy one.
//
// It is folded: Start when an agent starts or has the driver again, Look after
// each sample, Event after each event that concerns the device (Event.Concerns),
// Reset when an admin says so. All of them are pure.
type Health struct {
	// Sick says why it may not be used, in words; "": it may.
	Sick string `json:",omitempty"`
	// Warning is a doubt that does not keep it from use; "": none.
	Warning string    `json:",omitempty"`
	Since   time.Time // of Sick
	Cure    Cure      `json:",omitempty"`
	Xid     int       `json:",omitempty"` // the last that concerned the device; 0: none
	// Boot is the boot of the host, and Generation that of the driver, in which it was found.
	Boot       string `json:",omitempty"`
	Generation uint64 `json:",omitempty"`
	// Well is the CLOCK_BOOTTIME since which the driver says that all is well; 0: it does not.
	Well time.Duration `json:",omitempty"`
	// Doubted is the CLOCK_BOOTTIME of the first of the unexplained errors that are
	// in a row now; 0: there are none.
	Doubted time.Duration `json:",omitempty"`
	// Uncorrected is the count of memory errors at the last look.
	Uncorrected int64 `json:",omitempty"`
}

// Clock is the moment at which health is folded.
type Clock struct {
	Boottime time.Duration // CLOCK_BOOTTIME
	// Looked is the CLOCK_BOOTTIME of the look before at this device; 0: none is known.
	Looked time.Duration
	Wall   time.Time // for people
	Boot   string    // id of this boot of the host
	// Generation names this load of the kernel's driver (Info.Generation); 0: it
	// cannot be told, and heals nothing.
	Generation uint64
}

// WellFor is how long a driver has to say that all is well, in looks that are at
// most FreshFor apart, before a device that it called sick is used again: an error
// that comes back does so within minutes of the next work, and a card that is given
// out and taken back costs jobs. CLOCK_BOOTTIME goes on while a machine sleeps, and
// nobody saw the card then.
const WellFor = 10 * time.Minute

// Start compares what was found with this boot and this load of the driver: at an
// agent's start, and whenever the driver can be asked again. What a new boot, or
// a new load, does not heal stays.
func (h Health) Start(c Clock) Health {
	newBoot := h.Boot != "" && c.Boot != "" && h.Boot != c.Boot
	newLoad := h.Generation != 0 && c.Generation != 0 && h.Generation != c.Generation
	if newBoot || newLoad && h.Cure != CureBoot {
		return Health{} // the driver counts anew too
	}
	h.Well, h.Doubted = 0, 0 // nobody looked in between
	return h
}

// Reset is an admin's word that the device is well. If it is not, the next look
// says so again. Old memory errors stay counted, so that they do not warn anew.
func (h Health) Reset() Health { return Health{Uncorrected: h.Uncorrected} }

// sicken notes a finding. A weaker one does not hide a heavier one: a GPU that
// needs a new boot goes on to need it when the driver also asks for a reset.
func (h Health) sicken(why string, cure Cure, c Clock) Health {
	h.Well = 0
	if h.Sick == "" {
		h.Since = wall(c)
	}
	if h.Sick == "" || cure.weight() >= h.Cure.weight() {
		h.Sick, h.Cure = why, cure
		h.Boot, h.Generation = c.Boot, c.Generation
	}
	return h
}

// warn notes a doubt, in place of an older one.
func (h Health) warn(doubt string, c Clock) Health {
	h.Warning = doubt
	if h.Sick == "" {
		h.Boot, h.Generation = c.Boot, c.Generation
	}
	return h
}

// wall is the time without what JSON would lose.
func wall(c Clock) time.Time { return c.Wall.UTC().Round(0) }
