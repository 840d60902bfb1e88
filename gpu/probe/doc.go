// Package probe keeps a provider of devices in a child process, because what it
// asks may hang, may end the process that asks (a function that the driver's
// library lacks), and cannot be loaded anew after an upgrade of the driver.
//
// In the child, Serve answers for any gpu.Provider. Probe is the other side, a
// gpu.Provider itself. They speak lines of JSON over two pipes: requests with an
// id, answers with the same id in any order, and events and news of the driver
// between them. Both are the same build, so nothing is negotiated.
//
// # States
//
//	opening   the child was started and has not said yet that the driver is open
//	ready     it answers
//	refused   it answers, but the driver does not: not loaded, another version (Info.Problem)
//	away      it has ended, or had to be ended; the next one starts after a pause
//	stuck     it was killed and does not go, because it hangs inside the kernel; no other is started beside it
//	detached  an admin took the driver away; there is no child
//
// In every state but ready, Sample answers at once that the device is down
// (gpu.FaultDown), in words, and Devices and Links give the last known list
// together with an error. What runs on the devices goes on: the probe only looks.
//
// # Time
//
// A sample has 3 s, a list 30 s, the opening of the driver a minute (it takes
// seconds for each GPU where persistence mode is off). Of each question one
// copy at most is outstanding: whoever asks the same again waits for the first
// one's end, within its own 3 s, and is told at once that the device does not
// answer (gpu.FaultTimeout) when the first one is overdue. So a device that
// hangs holds one thread of the child and nobody else.
//
// # Failures
//
//   - One device hangs: it alone answers FaultTimeout, for as long as it does. The
//     child stays, because a new one might hang in its opening for all devices.
//   - Nothing has been answered for 15 s of what was asked: the child is killed.
//   - It ends, says what is no answer, or does not open the driver in time: the
//     next one starts after 1 s, 2 s, … 30 s; a minute of answers sets that back.
//   - The driver refuses: a new child every 30 s, because a library that was once
//     loaded stays so, whatever lies on the disk by now.
//   - The library on the disk is another one: a new child. The old one would go on
//     with the driver in the kernel, but whatever starts from now on loads the new
//     library, so the truth is what that one says.
//   - The agent dies: the child is killed by the kernel, and ends by itself at the
//     end of its input.
//
// Events that the driver has while there is no child are lost; after each opening
// an event says that everything may have changed.
package probe
