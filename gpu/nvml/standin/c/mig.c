/* GPUs that are cut into slices. */
#include "standin.h"

#include <stdio.h>
#include <string.h>

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending) {
  struct target t;
  long on;
  ENTER_DEVICE(device, &t);
  if (t.slot >= 0 || !numbered(&on, "%d.mig", t.gpu)) return NVML_ERROR_NOT_SUPPORTED;
  *current = on ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE;
  *pending = (unsigned)number(*current, "%d.mig.pending", t.gpu);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *out) {
  struct target t;
  ENTER_DEVICE(device, &t);
  *out = number(7, "%d.mig.max", t.gpu);
  return NVML_SUCCESS;
}

/* Indices have gaps where slices were removed. */
nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t *out) {
  struct target t;
  ENTER_DEVICE(device, &t);
  if (t.slot >= 0 || !number(0, "%d.mig", t.gpu)) return NVML_ERROR_NOT_SUPPORTED;
  if (index >= (unsigned)number(7, "%d.mig.max", t.gpu)) return NVML_ERROR_INVALID_ARGUMENT;
  *out = handle_of(t.gpu, (int)index);
  return out->handle ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned *out) {
  struct target t;
  ENTER_DEVICE(device, &t);
  *out = t.slot >= 0;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t slice, nvmlDevice_t *out) {
  struct target t;
  ENTER_DEVICE(slice, &t);
  if (t.slot < 0) return NVML_ERROR_INVALID_ARGUMENT;
  *out = handle_of(t.gpu, -1);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned *out) {
  struct target t;
  unsigned ci;
  ENTER_DEVICE(device, &t);
  return slot_gi(&t, out, &ci) == 0 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned *out) {
  struct target t;
  unsigned gi;
  ENTER_DEVICE(device, &t);
  return slot_gi(&t, &gi, out) == 0 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

/* In the old form a slice is named by its parent and instances; both are found here. */
nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *out) {
  char v[TEXT];
  ENTER();
  long gpus = number(0, "count");
  for (int gpu = 0; gpu < gpus; gpu++)
    for (int slot = -1; slot < (number(0, "%d.mig", gpu) ? number(7, "%d.mig.max", gpu) : 0); slot++) {
      int there = slot < 0 ? value(v, sizeof v, "%d.uuid", gpu) : value(v, sizeof v, "%d.mig.%d.uuid", gpu, slot);
      if (!there || strcmp(v, uuid) != 0) continue;
      nvmlReturn_t r = enter_gpu(__func__, gpu);
      if (r == NVML_SUCCESS) *out = handle_of(gpu, slot);
      return r;
    }
  return NVML_ERROR_NOT_FOUND;
}
