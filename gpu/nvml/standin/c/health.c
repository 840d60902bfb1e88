/* Whether a GPU is well: memory errors, replaced rows, what the driver asks for. */
#include "standin.h"

#include <stdio.h>
#include <string.h>

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t type, nvmlEccCounterType_t counter,
                                         unsigned long long *out) {
  struct target t;
  long n;
  ENTER_DEVICE(device, &t);
  if (!numbered(&n, "%d.ecc", t.gpu)) return NVML_ERROR_NOT_SUPPORTED;
  *out = type == NVML_MEMORY_ERROR_TYPE_UNCORRECTED && counter == NVML_VOLATILE_ECC ? (unsigned long long)n : 0;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned *corrected, unsigned *uncorrected, unsigned *pending,
                                       unsigned *failed) {
  struct target t;
  char v[TEXT];
  ENTER_DEVICE(device, &t);
  if (!value(v, sizeof v, "%d.remap", t.gpu)) return NVML_ERROR_NOT_SUPPORTED;
  if (sscanf(v, "%u,%u,%u,%u", corrected, uncorrected, pending, failed) != 4) return NVML_ERROR_UNKNOWN;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, nvmlComputeMode_t *out) {
  struct target t;
  ENTER_DEVICE(device, &t);
  *out = (nvmlComputeMode_t)number(NVML_COMPUTEMODE_DEFAULT, "%d.mode", t.gpu);
  return NVML_SUCCESS;
}

/* Each field has an answer of its own; the call as a whole succeeds. */
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int n, nvmlFieldValue_t *values) {
  struct target t;
  long v;
  ENTER_DEVICE(device, &t);
  for (int i = 0; i < n; i++) {
    nvmlFieldValue_t *f = &values[i];
    f->nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
    memset(&f->value, 0, sizeof f->value);
    if (!numbered(&v, "%d.field.%u", t.gpu, f->fieldId)) continue;
    f->nvmlReturn = NVML_SUCCESS;
    f->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
    f->value.uiVal = (unsigned)v;
  }
  return NVML_SUCCESS;
}
