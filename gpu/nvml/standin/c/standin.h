/* A library that answers as libnvidia-ml.so.1 from a file, for tests.
 *
 * NVML_STANDIN_STATE names the file, or it is "nvml" beside the library: lines
 * key=value, of one key the last counts, replaced by rename, read again whenever it
 * changed. The Go package beside writes it. N is a GPU's index, J a slice's index of
 * its GPU (with gaps, as the driver has them). Lists of processes have at most 512.
 *
 *   init=18 driver=580.95.05 nvml=13.580.95.05 cuda=13000 count=2
 *   N.uuid N.name N.bus (0000:18:00.0) N.minor N.cc (9.0) N.display N.persistence (1)
 *   N.mem.total N.mem.reserved N.mem.used (MiB; processes come on top)
 *   N.util N.temp N.power N.power.limit N.clock N.ecc N.remap (c,u,pending,failed)
 *   N.mode (compute mode) N.field.230
 *   N.compute N.graphics N.mps = pid:MiB[:gi:ci],…   "?" for MiB: not told
 *   N.mig=1 N.mig.pending N.mig.max N.mig.J.uuid .name .gi .ci .mem.total .mem.used
 *   N.link.L = index of a GPU, "switch" or "off"   topo.A.B = level
 *   event.poll = ms between two looks for an event (5); a driver would be woken
 *   event.K = gpu:xid[:gi:ci]   K grows; what is older than an event set is not told to it
 *   N.lost=1 N.reset=1
 *   ret.FUNC=code delay_ms.FUNC=ms hang.FUNC=1, of one GPU N.ret.FUNC …; FUNC may be "all".
 *   calls=PATH: a line "FUNC N" is appended for each call
 */
#ifndef STANDIN_H
#define STANDIN_H

#define _GNU_SOURCE
#include <stddef.h>
/* Nothing but NVML's own names is to be seen from outside. */
#pragma GCC visibility push(default)
#include <nvml.h>
#pragma GCC visibility pop

#define WHOLE 0xFFFFFFFFu /* the gi and ci of what is no slice */
#define MIB (1024ULL * 1024ULL)
#define TEXT 512
#define LIST 16384

/* A handle, resolved: the GPU's index, and the slice's, or -1. */
struct target {
  int gpu, slot;
};

/* state.c */
int state_refresh(void); /* 0: there is a state */
int value(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
long number(long absent, const char *format, ...) __attribute__((format(printf, 2, 3)));
int numbered(long *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* call.c */
nvmlReturn_t enter(const char *func);
nvmlReturn_t enter_gpu(const char *func, int gpu);
nvmlReturn_t enter_device(const char *func, nvmlDevice_t device, struct target *t);
nvmlReturn_t forced(const char *func, int gpu);
void wait_ms(long ms);
int set_initialized(int delta);

#define ENTER() do { nvmlReturn_t r_ = enter(__func__); if (r_ != NVML_SUCCESS) return r_; } while (0)
#define ENTER_DEVICE(d, t) \
  do { nvmlReturn_t r_ = enter_device(__func__, d, t); if (r_ != NVML_SUCCESS) return r_; } while (0)

/* handle.c */
nvmlDevice_t handle_of(int gpu, int slot);
int resolve(nvmlDevice_t device, struct target *t); /* 0, or -1 when what it named is gone */
int slot_gi(const struct target *t, unsigned *gi, unsigned *ci);
nvmlReturn_t text(char *out, unsigned size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* process.c */
unsigned long long process_mib(const struct target *t);

#endif
