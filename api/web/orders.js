// What admins order of the agent of a host. It obeys within seconds, and says so
// with its next report.
import { post } from "./api.js";
import { ask } from "./dialog.js";
import { touch } from "./model.js";

const why = { name: "reason", label: "Reason", placeholder: "shown to users" };
const soon = [1500, 4000, 9000]; // ms; the agent has obeyed by then

async function order(path, values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString();
  await post(query ? `${path}?${query}` : path);
  touch("gpus", "hosts");
  for (const ms of soon) setTimeout(() => touch("gpus", "hosts"), ms);
}

const ofDevice = (d, name) => `/gpus/${encodeURIComponent(d.uuid)}/${name}`;
const ofHost = (host, name) => `/hosts/${encodeURIComponent(host)}/${name}`;

/** resetHealth says that a sick device is well. */
export function resetHealth(d) {
  ask({
    title: `Is device ${d.index} of ${d.host} well again?`, confirm: "It is well",
    words: `${d.health.sick || d.health.warning}. Where the driver says so again, it is sick again.`,
    fields: [why],
    action: (values) => order(ofDevice(d, "reset-health"), values),
  });
}

/** tolerate lets processes of others have some memory of a device. */
export function tolerate(d) {
  ask({
    title: `What may others have of device ${d.index} of ${d.host}?`, confirm: "Tolerate",
    words: "Processes that MLQ did not start may have so much memory, together, without keeping jobs from the device.",
    fields: [{ name: "memory", label: "Memory", placeholder: "500MiB; 0: none; empty: the agent's own setting" }, why],
    action: ({ memory, reason }) => (memory ? order(ofDevice(d, "tolerate"), { memory, reason }) : order(ofDevice(d, "untolerate"), { reason })),
  });
}

/** detach has the agent let go of the driver. */
export function detach(host) {
  ask({
    title: `Take the GPU driver away from ${host}?`, confirm: "Detach",
    words: "A card can be reset then, or the driver unloaded. What runs goes on; nothing new starts there until it is attached again.",
    fields: [why],
    action: (values) => order(ofHost(host, "detach"), values),
  });
}

/** attach gives it back. */
export function attach(host) {
  ask({
    title: `Give the GPU driver back to ${host}?`, confirm: "Attach",
    words: "Its devices get jobs again once they were looked at.",
    action: (values) => order(ofHost(host, "attach"), values),
  });
}
