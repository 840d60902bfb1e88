/* Events: Xids, told to the sets that asked for them. */
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define GPUS 64

struct nvmlEventSet_st {
  unsigned long long wanted[GPUS]; /* kinds of events, by GPU */
  long last;                       /* the number of the last event told */
};

static long newest(void) {
  long n = 0;
  char v[TEXT];
  while (value(v, sizeof v, "event.%ld", n + 1)) n++;
  return n;
}

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *out) {
  ENTER();
  out->handle = calloc(1, sizeof *out->handle);
  if (!out->handle) return NVML_ERROR_MEMORY;
  out->handle->last = newest();
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
  ENTER();
  free(set.handle);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *out) {
  struct target t;
  ENTER_DEVICE(device, &t);
  *out = nvmlEventTypeSingleBitEccError | nvmlEventTypeDoubleBitEccError | nvmlEventTypeXidCriticalError;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set) {
  struct target t;
  ENTER_DEVICE(device, &t);
  if (t.slot >= 0) return NVML_ERROR_NOT_SUPPORTED;
  if (t.gpu >= GPUS) return NVML_ERROR_INVALID_ARGUMENT;
  set.handle->wanted[t.gpu] |= types;
  return NVML_SUCCESS;
}

/* next finds the next event that the set asked for; others pass. */
static int next(nvmlEventSet_t set, nvmlEventData_t *out) {
  char v[TEXT];
  while (value(v, sizeof v, "event.%ld", set.handle->last + 1)) {
    unsigned gpu, gi = WHOLE, ci = WHOLE;
    unsigned long long xid;
    set.handle->last++;
    if (sscanf(v, "%u:%llu:%u:%u", &gpu, &xid, &gi, &ci) < 2 || gpu >= GPUS) continue;
    if (!(set.handle->wanted[gpu] & nvmlEventTypeXidCriticalError)) continue;
    *out = (nvmlEventData_t){handle_of((int)gpu, -1), nvmlEventTypeXidCriticalError, xid, gi, ci};
    return 1;
  }
  return 0;
}

static long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static nvmlReturn_t await(const char *func, nvmlEventSet_t set, nvmlEventData_t *out, unsigned timeout) {
  long end = now_ms() + timeout;
  nvmlReturn_t r = enter(func);
  while (r == NVML_SUCCESS) {
    if (next(set, out)) return NVML_SUCCESS;
    if (now_ms() >= end) return NVML_ERROR_TIMEOUT;
    wait_ms(number(5, "event.poll"));
    state_refresh();
    r = forced(func, -1);
  }
  return r;
}

nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t *out, unsigned timeout) {
  return await("nvmlEventSetWait", set, out, timeout);
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *out, unsigned timeout) {
  return await("nvmlEventSetWait_v2", set, out, timeout);
}
