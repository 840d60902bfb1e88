/* Which GPUs there are, and what does not change about one. */
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static nvmlReturn_t device_count(unsigned *out) {
  *out = number(0, "count");
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount(unsigned *out) {
  ENTER();
  return device_count(out);
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *out) {
  ENTER();
  return device_count(out);
}

static nvmlReturn_t by_index(const char *func, unsigned index, nvmlDevice_t *device) {
  nvmlReturn_t r = enter(func);
  if (r != NVML_SUCCESS) return r;
  if (index >= (unsigned)number(0, "count")) return NVML_ERROR_INVALID_ARGUMENT;
  r = enter_gpu(func, (int)index);
  if (r != NVML_SUCCESS) return r;
  *device = handle_of((int)index, -1);
  return device->handle ? NVML_SUCCESS : NVML_ERROR_UNKNOWN;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *device) {
  return by_index("nvmlDeviceGetHandleByIndex", index, device);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device) {
  return by_index("nvmlDeviceGetHandleByIndex_v2", index, device);
}

/* Keys that name a slice begin with the parent's index and the slice's. */
static const char *prefix(const struct target *t, char *out, size_t size) {
  if (t->slot < 0) snprintf(out, size, "%d", t->gpu);
  else snprintf(out, size, "%d.mig.%d", t->gpu, t->slot);
  return out;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *out, unsigned size) {
  struct target t;
  char v[TEXT], p[64];
  ENTER_DEVICE(device, &t);
  if (!value(v, sizeof v, "%s.uuid", prefix(&t, p, sizeof p))) return NVML_ERROR_UNKNOWN;
  return text(out, size, "%s", v);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *out, unsigned size) {
  struct target t;
  char v[TEXT], p[64];
  ENTER_DEVICE(device, &t);
  if (!value(v, sizeof v, "%s.name", prefix(&t, p, sizeof p)) && !value(v, sizeof v, "%d.name", t.gpu))
    return NVML_ERROR_UNKNOWN;
  return text(out, size, "%s", v);
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *out) {
  struct target t;
  ENTER_DEVICE(device, &t);
  *out = t.slot < 0 ? t.gpu : t.slot;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *out) {
  struct target t;
  ENTER_DEVICE(device, &t);
  if (t.slot >= 0) return NVML_ERROR_NOT_SUPPORTED;
  *out = number(t.gpu, "%d.minor", t.gpu);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
  struct target t;
  char v[TEXT];
  ENTER_DEVICE(device, &t);
  if (!value(v, sizeof v, "%d.cc", t.gpu)) return NVML_ERROR_NOT_SUPPORTED;
  return sscanf(v, "%d.%d", major, minor) == 2 ? NVML_SUCCESS : NVML_ERROR_UNKNOWN;
}

static nvmlReturn_t display(int gpu, nvmlEnableState_t *out) {
  long on;
  if (!numbered(&on, "%d.display", gpu)) return NVML_ERROR_NOT_SUPPORTED;
  *out = on ? NVML_FEATURE_ENABLED : NVML_FEATURE_DISABLED;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetDisplayActive(nvmlDevice_t device, nvmlEnableState_t *out) {
  struct target t;
  ENTER_DEVICE(device, &t);
  return display(t.gpu, out);
}

nvmlReturn_t nvmlDeviceGetDisplayMode(nvmlDevice_t device, nvmlEnableState_t *out) {
  struct target t;
  ENTER_DEVICE(device, &t);
  return display(t.gpu, out);
}

nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, nvmlEnableState_t *out) {
  struct target t;
  ENTER_DEVICE(device, &t);
  *out = number(1, "%d.persistence", t.gpu) ? NVML_FEATURE_ENABLED : NVML_FEATURE_DISABLED;
  return NVML_SUCCESS;
}
