/* The library as a whole: its start and end, and its versions. */
#include "standin.h"

#include <stdio.h>

static nvmlReturn_t start(const char *func) {
  long code;
  nvmlReturn_t r = enter_gpu(func, -1);
  if (r == NVML_SUCCESS && numbered(&code, "init")) r = (nvmlReturn_t)code;
  if (r == NVML_SUCCESS) set_initialized(1);
  return r;
}

nvmlReturn_t nvmlInit(void) { return start("nvmlInit"); }
nvmlReturn_t nvmlInit_v2(void) { return start("nvmlInit_v2"); }
nvmlReturn_t nvmlInitWithFlags(unsigned flags) {
  (void)flags;
  return start("nvmlInitWithFlags");
}

nvmlReturn_t nvmlShutdown(void) {
  return set_initialized(-1) > 0 ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}

const char *nvmlErrorString(nvmlReturn_t r) {
  switch (r) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NO_PERMISSION: return "Insufficient Permissions";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case NVML_ERROR_TIMEOUT: return "Timeout";
    case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
    case NVML_ERROR_RESET_REQUIRED: return "GPU requires reset";
    case NVML_ERROR_LIB_RM_VERSION_MISMATCH: return "Driver/library version mismatch";
    default: return "Unknown Error";
  }
}

static nvmlReturn_t version(char *out, unsigned size, const char *key, const char *absent) {
  char v[TEXT];
  if (!value(v, sizeof v, "%s", key)) snprintf(v, sizeof v, "%s", absent);
  return text(out, size, "%s", v);
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *out, unsigned size) {
  ENTER();
  return version(out, size, "driver", "580.95.05");
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *out, unsigned size) {
  ENTER();
  return version(out, size, "nvml", "13.580.95.05");
}

static nvmlReturn_t cuda(int *out) {
  *out = (int)number(13000, "cuda");
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *out) {
  ENTER();
  return cuda(out);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *out) {
  ENTER();
  return cuda(out);
}
