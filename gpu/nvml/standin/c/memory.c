/* Memory of a GPU or slice. The state tells MiB: what is used by nobody it
 * names, and what processes have, come together. */
#include "standin.h"

#include <stdio.h>

struct memory {
  unsigned long long total, reserved, used;
};

static int measure(const struct target *t, struct memory *m) {
  char p[64];
  long total;
  if (t->slot < 0) snprintf(p, sizeof p, "%d", t->gpu);
  else snprintf(p, sizeof p, "%d.mig.%d", t->gpu, t->slot);
  if (!numbered(&total, "%s.mem.total", p)) return -1;
  m->total = total * MIB;
  m->reserved = number(0, "%s.mem.reserved", p) * MIB;
  m->used = (number(0, "%s.mem.used", p) + process_mib(t)) * MIB;
  return 0;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *out) {
  struct target t;
  struct memory m;
  ENTER_DEVICE(device, &t);
  if (measure(&t, &m) != 0) return NVML_ERROR_NOT_SUPPORTED;
  out->total = m.total;
  out->used = m.used + m.reserved; /* this version does not tell them apart */
  out->free = out->total - out->used;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *out) {
  struct target t;
  struct memory m;
  ENTER_DEVICE(device, &t);
  if (out->version != nvmlMemory_v2) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  if (measure(&t, &m) != 0) return NVML_ERROR_NOT_SUPPORTED;
  out->total = m.total;
  out->reserved = m.reserved;
  out->used = m.used;
  out->free = m.total - m.reserved - m.used;
  return NVML_SUCCESS;
}
