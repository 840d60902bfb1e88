/* What changes from moment to moment. A slice has none of it. */
#include "standin.h"

static nvmlReturn_t reading(const char *func, nvmlDevice_t device, const char *key, unsigned *out) {
  struct target t;
  long n;
  nvmlReturn_t r = enter_device(func, device, &t);
  if (r != NVML_SUCCESS) return r;
  if (t.slot >= 0 || !numbered(&n, "%d.%s", t.gpu, key)) return NVML_ERROR_NOT_SUPPORTED;
  *out = (unsigned)n;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t d, nvmlUtilization_t *out) {
  out->memory = 0;
  return reading(__func__, d, "util", &out->gpu);
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t d, nvmlTemperatureSensors_t sensor, unsigned *out) {
  if (sensor != NVML_TEMPERATURE_GPU) return NVML_ERROR_INVALID_ARGUMENT;
  return reading(__func__, d, "temp", out);
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t d, unsigned *out) { return reading(__func__, d, "power", out); }

nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t d, unsigned *out) {
  return reading(__func__, d, "power.limit", out);
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t d, nvmlClockType_t type, unsigned *out) {
  if (type != NVML_CLOCK_SM) return NVML_ERROR_INVALID_ARGUMENT;
  return reading(__func__, d, "clock", out);
}
