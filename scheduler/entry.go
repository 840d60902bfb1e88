package scheduler

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"
)

// An Entry is a member of its class's index. All of it comes from the job's
// record, so that whoever holds the record can remove the member, and the
// order of the bytes is the order of the queue:
//
//	1  10 − priority
//	6  rank
//	6  since, ms
//	6  job id
//	1  devices
//	1  0 (it held a limit of the user's, which is read with the view now)
//	3  time limit in seconds, rounded up (0: none)
//	   user, 0x00, unix account, and in the shared index 0x00, class
const entryFixed = 1 + 6 + 6 + 6 + 1 + 1 + 3

// maxEntryTimeout is the longest time limit an entry can hold; a longer one reads as none.
const maxEntryTimeout = (1<<24 - 1) * time.Second

// entryMember gives the member of a waiting job.
func entryMember(j *Job) []byte {
	b := make([]byte, 0, entryFixed+len(j.User)+len(j.Unix)+2)
	b = append(b, byte(10-j.Priority))
	b = append48(b, j.Rank)
	b = append48(b, uint64(j.QueuedAt.UnixMilli()))
	b = append48(b, uint64(j.ID))
	b = append(b, byte(min(j.Devices, 255)), 0)
	b = append24(b, entryTimeout(j.Timeout))
	b = append(b, j.User...)
	if j.Unix != "" || j.Shared {
		b = append(append(b, 0), packUnix(j)...)
	}
	if j.Shared {
		b = append(append(b, 0), j.Class...)
	}
	return b
}

// parseEntry reads a member of the given class's index.
func parseEntry(class string, b []byte) (Entry, error) {
	if len(b) <= entryFixed {
		return Entry{}, fmt.Errorf("entry of class %s has %d bytes", class, len(b))
	}
	e := Entry{
		Class: class, Priority: 10 - int(b[0]), Rank: read48(b[1:]),
		Since: time.UnixMilli(int64(read48(b[7:]))).UTC(), Job: JobID(read48(b[13:])),
		Devices: int(b[19]),
		Timeout: time.Duration(read24(b[21:])) * time.Second,
	}
	parts := bytes.SplitN(b[entryFixed:], []byte{0}, 3)
	e.User = string(parts[0])
	if len(parts) > 1 {
		e.Unix = string(parts[1])
	}
	if e.Unix == "=" {
		e.Unix = e.User
	}
	if len(parts) > 2 {
		e.Class = string(parts[2])
	}
	return e, nil
}

// queueOf names the index that a waiting job stands in.
func queueOf(j *Job) string {
	if j.Shared {
		return keyQueue(classShared)
	}
	return keyQueue(j.Class)
}

func entryTimeout(d time.Duration) uint32 {
	if d > maxEntryTimeout {
		return 0
	}
	return uint32((d + time.Second - 1) / time.Second)
}

// priorityPrefix is what the members of one priority start with.
func priorityPrefix(priority int) []byte { return []byte{byte(10 - priority)} }

// timedBytes is the size of a member of the indexes by time; that of callbacks has more after it.
const timedBytes = 16

// timedMember is a member of the indexes by time: the time in µs, then the id.
func timedMember(at time.Time, id JobID) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, timedBytes), uint64(at.UnixMicro()))
	return binary.BigEndian.AppendUint64(b, uint64(id))
}

// timedID is the id in a timed member.
func timedID(b []byte) JobID {
	if len(b) != timedBytes {
		return 0
	}
	return JobID(binary.BigEndian.Uint64(b[8:]))
}

// timedUntil is the bound that the members up to and including at are below.
func timedUntil(at time.Time) []byte { return timedMember(at.Add(time.Microsecond), 0) }

// awaitsMember is a member of keyAwaits: user, 0x00, function, 0x00, id. Neither
// name has control characters.
func awaitsMember(user, function string, id JobID) []byte {
	return binary.BigEndian.AppendUint64([]byte(user+"\x00"+function+"\x00"), uint64(id))
}

// awaitsID is the id in a member of keyAwaits.
func awaitsID(b []byte) JobID {
	if len(b) < 8 {
		return 0
	}
	return memberID(b[len(b)-8:])
}

// idMember is a member of the indexes by id.
func idMember(id JobID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

func memberID(b []byte) JobID {
	if len(b) != 8 {
		return 0
	}
	return JobID(binary.BigEndian.Uint64(b))
}

func append48(b []byte, v uint64) []byte {
	v = min(v, 1<<48-1)
	return append(b, byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

func read48(b []byte) uint64 {
	return uint64(b[0])<<40 | uint64(b[1])<<32 | uint64(b[2])<<24 | uint64(b[3])<<16 | uint64(b[4])<<8 | uint64(b[5])
}

func append24(b []byte, v uint32) []byte { return append(b, byte(v>>16), byte(v>>8), byte(v)) }

func read24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }
