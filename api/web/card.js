// One device: state, who, since when, until when, why, memory, how busy.
import { badge } from "./badge.js";
import { fill, h, show, text } from "./dom.js";
import { bytes, when } from "./format.js";
import { resetHealth, tolerate } from "./orders.js";
import { tag } from "./simulated.js";

/** card shows a device and keeps its elements. */
export function card(d) {
  let device = d;
  const state = badge(d.state);
  const who = h("bdi", { class: "holder" });
  const times = h("p", { class: "times" });
  const why = h("p", { class: "reason" });
  const memory = bar("memory in use");
  const busy = bar("busy");
  const values = h("span", { class: "amount" });
  const reset = h("button", { class: "quiet", hidden: true, "aria-label": `Reset the health of device ${d.index} of ${d.host}`, onclick: () => resetHealth(device) }, "It is well again");
  const allow = h("button", { class: "quiet", hidden: true, "aria-label": `Tolerate others on device ${d.index} of ${d.host}`, onclick: () => tolerate(device) }, "Tolerate…");
  const el = h("li", { class: "card", title: d.uuid },
    h("p", { class: "model" }, h("b", {}, String(d.index)), h("bdi", {}, modelName(d))),
    h("p", { class: "state" }, state.el, who), times, why, h("div", { class: "loads" }, memory.el, busy.el),
    h("p", { class: "foot" }, values, tag(d)),
    h("p", { class: "buttons" }, reset, allow));
  let drawn = "";
  return {
    el,
    update(next) {
      const now = JSON.stringify(next);
      if (now === drawn) return;
      drawn = now;
      device = next;
      el.dataset.state = next.state;
      state.update(next.state);
      fill(who, holder(next));
      fill(times, span(next));
      fill(why, [reason(next), beside(next)].flat());
      memory.update(next.used ?? 0, typeof next.used === "number" ? next.memory : 0, `${bytes(next.used ?? 0)} of ${bytes(next.memory ?? 0)}`.replace(/ (\S+) of (\S+) \1$/, " of $2 $1"));
      busy.update(next.utilization ?? 0, typeof next.utilization === "number" ? 100 : 0, `${next.utilization} % busy`);
      text(values, readings(next));
      values.title = next.power_limit ? `at most ${Math.round(next.power_limit)} W` : "";
      show(reset, next.admin && Boolean(next.health?.sick || next.health?.warning));
      show(allow, next.admin && Boolean(next.memory) && (next.state === "foreign" || Boolean(next.tolerate)));
    },
  };
}

/** bar is a measure of 0 to max with its words; without a max it is not there. */
function bar(name) {
  const meter = h("meter", { min: 0 });
  const amount = h("span", { class: "amount" });
  const el = h("div", { class: "load", hidden: true }, amount, meter);
  return {
    el,
    update(value, max, words) {
      const told = max > 0 ? words : ""; // of what is not known they would say "undefined"
      show(el, max > 0);
      meter.max = max || 1;
      meter.value = value;
      meter.setAttribute("aria-label", `${name}: ${told}`);
      text(amount, told);
    },
  };
}

/** modelName leaves out what the tag beside it says, and the maker that all have in common. */
const modelName = (d) => d.model.replace(/\s*\(simulated\)$/, "").replace(/^NVIDIA\s+(GeForce\s+)?/, "");

/** holder is who has the device: by a lease, or past MLQ. */
function holder(d) {
  if (d.state === "foreign") return [...new Set((d.foreign ?? []).map(owner))].join(", ");
  if (d.state !== "leased") return null;
  const name = d.user || "somebody";
  return d.job ? h("a", { href: `#/jobs/${d.job}` }, `${name} · job ${d.job}`) : name;
}

/** owner names whose a process is, as well as can be told. */
function owner(p) {
  return p.user || (p.uid >= 0 ? `user ${p.uid}` : `process ${p.pid}`);
}

function span(d) {
  if (d.state !== "leased") return d.since ? [d.state === "free" ? "for " : "since ", when(d.since, d.state === "free" ? "for" : "clock")] : null;
  const until = d.ends_by ? ["until ", when(d.ends_by, "clock")] : ["no time limit"];
  return d.user_since ? ["for ", when(d.user_since, "for"), " · ", until].flat() : until;
}

/** reason is why a device is not free with what mends it, or that a lease ends because it is closed. */
function reason(d) {
  const said = d.state === "leased" && d.reason === `runs job ${d.job}` ? "" : d.reason;
  if (d.drain_deadline && d.state === "leased") return ["closed at ", when(d.drain_deadline.at, "clock"), d.drained_by ? ` by ${d.drained_by}` : ""];
  if (d.drained_by) return `drained by ${d.drained_by}`;
  if (d.hold) return heldBy(d, said);
  if (d.detached) return `the driver was taken away by ${d.detached.by}`;
  if (d.health?.mend) return [said || d.health.sick, h("span", { class: "mend" }, `Mended by: ${d.health.mend}`)];
  return said || (d.health?.warning ? `doubtful: ${d.health.warning}` : null);
}

/** beside names the other agents of the machine that offer the device too. */
const beside = (d) => (d.also_on ? h("span", { class: "beside" }, `also offered by ${d.also_on.join(", ")}`) : null);

/** heldBy says of a device that its user works on it by hand, and who else is there. */
function heldBy(d, said) {
  const until = d.ends_by ? [" until ", when(d.ends_by, "clock")] : [];
  return [`held by ${d.user || "somebody"}`, until, said ? `; ${said.replace(/^runs job \d+; /, "")}` : ""].flat();
}

/** readings are temperature and power, and what others may have. */
function readings(d) {
  const words = [];
  if (typeof d.temperature === "number") words.push(`${d.temperature} °C`);
  if (typeof d.power === "number") words.push(`${Math.round(d.power)} W`);
  if (d.tolerate) words.push(`others may have ${bytes(d.tolerated ?? 0)}`);
  return words.join(" · ");
}
