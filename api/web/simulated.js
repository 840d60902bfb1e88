// What is simulated computes nothing: wherever it is named, it says so.
import { h } from "./dom.js";

/** tag is the label of one thing, null where it is real. */
export const tag = (x) => (x.simulated ? h("span", { class: "tag" }, "simulated") : null);

/** some says how many of the devices are simulated, in no or one part of a line. */
export function some(devices) {
  const n = devices.filter((d) => d.simulated).length;
  return n ? [n === devices.length ? "simulated" : `${n} simulated`] : [];
}
