/* Where a GPU sits: PCI addresses, NVLinks, distances. */
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The state has addresses as the kernel writes them; NVML has a domain of eight
 * digits and capitals. */
static nvmlReturn_t address(const char *bus, nvmlPciInfo_t *out) {
  memset(out, 0, sizeof *out);
  if (sscanf(bus, "%x:%x:%x", &out->domain, &out->bus, &out->device) != 3) return NVML_ERROR_UNKNOWN;
  snprintf(out->busId, sizeof out->busId, "%08X:%02X:%02X.0", out->domain, out->bus & 0xff, out->device & 0xff);
  snprintf(out->busIdLegacy, sizeof out->busIdLegacy, "%04X:%02X:%02X.0", out->domain & 0xffff, out->bus & 0xff,
           out->device & 0xff);
  return NVML_SUCCESS;
}

static nvmlReturn_t pci(const char *func, nvmlDevice_t device, nvmlPciInfo_t *out) {
  struct target t;
  char bus[TEXT];
  nvmlReturn_t r = enter_device(func, device, &t);
  if (r != NVML_SUCCESS) return r;
  return value(bus, sizeof bus, "%d.bus", t.gpu) ? address(bus, out) : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t d, nvmlPciInfo_t *out) { return pci("nvmlDeviceGetPciInfo", d, out); }
nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t d, nvmlPciInfo_t *out) { return pci("nvmlDeviceGetPciInfo_v2", d, out); }
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t d, nvmlPciInfo_t *out) { return pci("nvmlDeviceGetPciInfo_v3", d, out); }

nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t device, unsigned link, nvmlEnableState_t *out) {
  struct target t;
  char v[TEXT];
  ENTER_DEVICE(device, &t);
  if (t.slot >= 0 || !value(v, sizeof v, "%d.link.%u", t.gpu, link)) return NVML_ERROR_NOT_SUPPORTED;
  *out = strcmp(v, "off") == 0 ? NVML_FEATURE_DISABLED : NVML_FEATURE_ENABLED;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetNvLinkRemoteDeviceType(nvmlDevice_t device, unsigned link, nvmlIntNvLinkDeviceType_t *out) {
  struct target t;
  char v[TEXT];
  ENTER_DEVICE(device, &t);
  if (!value(v, sizeof v, "%d.link.%u", t.gpu, link)) return NVML_ERROR_NOT_SUPPORTED;
  *out = strcmp(v, "switch") == 0 ? NVML_NVLINK_DEVICE_TYPE_SWITCH : NVML_NVLINK_DEVICE_TYPE_GPU;
  return NVML_SUCCESS;
}

static nvmlReturn_t remote(const char *func, nvmlDevice_t device, unsigned link, nvmlPciInfo_t *out) {
  struct target t;
  char v[TEXT], bus[TEXT];
  nvmlReturn_t r = enter_device(func, device, &t);
  if (r != NVML_SUCCESS) return r;
  if (!value(v, sizeof v, "%d.link.%u", t.gpu, link) || strcmp(v, "off") == 0) return NVML_ERROR_NOT_SUPPORTED;
  if (strcmp(v, "switch") == 0) return address("0000:0a:00.0", out);
  return value(bus, sizeof bus, "%s.bus", v) ? address(bus, out) : NVML_ERROR_UNKNOWN;
}

nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo(nvmlDevice_t d, unsigned link, nvmlPciInfo_t *out) {
  return remote("nvmlDeviceGetNvLinkRemotePciInfo", d, link, out);
}

nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t d, unsigned link, nvmlPciInfo_t *out) {
  return remote("nvmlDeviceGetNvLinkRemotePciInfo_v2", d, link, out);
}

nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t a, nvmlDevice_t b, nvmlGpuTopologyLevel_t *out) {
  struct target x, y;
  ENTER_DEVICE(a, &x);
  ENTER_DEVICE(b, &y);
  long level = number(NVML_TOPOLOGY_SYSTEM, "topo.%d.%d", y.gpu, x.gpu);
  *out = (nvmlGpuTopologyLevel_t)number(level, "topo.%d.%d", x.gpu, y.gpu);
  return NVML_SUCCESS;
}
