/* Lists of processes, in the three forms that drivers have had. */
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* pid:MiB[:gi:ci], MiB "?" where the driver does not tell it. */
static int parse(char *item, nvmlProcessInfo_t *p) {
  char mib[32];
  p->gpuInstanceId = p->computeInstanceId = WHOLE;
  if (sscanf(item, "%u:%31[^:]:%u:%u", &p->pid, mib, &p->gpuInstanceId, &p->computeInstanceId) < 2) return -1;
  p->usedGpuMemory = *mib == '?' ? ~0ULL : strtoull(mib, NULL, 10) * MIB;
  return 0;
}

/* A slice sees its own; the GPU sees all. */
static int visible(const struct target *t, const nvmlProcessInfo_t *p) {
  unsigned gi, ci;
  if (slot_gi(t, &gi, &ci) != 0) return 1;
  return p->gpuInstanceId == gi && p->computeInstanceId == ci;
}

static unsigned list(const struct target *t, const char *kind, nvmlProcessInfo_t *out, unsigned max) {
  char v[LIST], *rest = v, *item;
  unsigned n = 0;
  nvmlProcessInfo_t p;
  if (!value(v, sizeof v, "%d.%s", t->gpu, kind)) return 0;
  while ((item = strsep(&rest, ",")) && n < max)
    if (parse(item, &p) == 0 && visible(t, &p)) out[n++] = p;
  return n;
}

#define MANY 512

unsigned long long process_mib(const struct target *t) {
  static const char *const kinds[] = {"compute", "graphics", "mps"};
  nvmlProcessInfo_t found[MANY];
  unsigned long long sum = 0;
  for (int k = 0; k < 3; k++) {
    unsigned n = list(t, kinds[k], found, MANY);
    for (unsigned i = 0; i < n; i++)
      if (found[i].usedGpuMemory != ~0ULL) sum += found[i].usedGpuMemory / MIB;
  }
  return sum;
}

/* As all lists of NVML: too little room is an answer of its own, with the room needed. */
static nvmlReturn_t answer(const char *func, nvmlDevice_t device, const char *kind, unsigned *count,
                           nvmlProcessInfo_t *found) {
  struct target t;
  nvmlReturn_t r = enter_device(func, device, &t);
  if (r != NVML_SUCCESS) return r;
  unsigned room = *count;
  *count = list(&t, kind, found, MANY);
  return *count <= room ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

static nvmlReturn_t v1(const char *func, nvmlDevice_t d, const char *kind, unsigned *count, nvmlProcessInfo_v1_t *out) {
  nvmlProcessInfo_t found[MANY];
  nvmlReturn_t r = answer(func, d, kind, count, found);
  for (unsigned i = 0; r == NVML_SUCCESS && i < *count; i++)
    out[i] = (nvmlProcessInfo_v1_t){found[i].pid, found[i].usedGpuMemory};
  return r;
}

static nvmlReturn_t v2(const char *func, nvmlDevice_t d, const char *kind, unsigned *count, nvmlProcessInfo_v2_t *out) {
  nvmlProcessInfo_t found[MANY];
  nvmlReturn_t r = answer(func, d, kind, count, found);
  for (unsigned i = 0; r == NVML_SUCCESS && i < *count; i++)
    out[i] = (nvmlProcessInfo_v2_t){found[i].pid, found[i].usedGpuMemory, found[i].gpuInstanceId,
                                    found[i].computeInstanceId};
  return r;
}

static nvmlReturn_t v3(const char *func, nvmlDevice_t d, const char *kind, unsigned *count, nvmlProcessInfo_t *out) {
  nvmlProcessInfo_t found[MANY];
  nvmlReturn_t r = answer(func, d, kind, count, found);
  for (unsigned i = 0; r == NVML_SUCCESS && i < *count; i++) out[i] = found[i];
  return r;
}

#define LISTS(Name, kind)                                                                        \
  nvmlReturn_t nvmlDeviceGet##Name##RunningProcesses(nvmlDevice_t d, unsigned *n, nvmlProcessInfo_v1_t *out) { \
    return v1(__func__, d, kind, n, out);                                                        \
  }                                                                                              \
  nvmlReturn_t nvmlDeviceGet##Name##RunningProcesses_v2(nvmlDevice_t d, unsigned *n, nvmlProcessInfo_v2_t *out) { \
    return v2(__func__, d, kind, n, out);                                                        \
  }                                                                                              \
  nvmlReturn_t nvmlDeviceGet##Name##RunningProcesses_v3(nvmlDevice_t d, unsigned *n, nvmlProcessInfo_t *out) { \
    return v3(__func__, d, kind, n, out);                                                        \
  }

LISTS(Compute, "compute")
LISTS(Graphics, "graphics")
LISTS(MPSCompute, "mps")
