// The devices, by host: state, who, since when, until when, memory.
import { badge } from "./badge.js";
import { fill, h, keyed, show, text } from "./dom.js";
import { bytes, count, when } from "./format.js";
import { some, tag } from "./simulated.js";

/** devices makes the view; update(list, filter, role) shows what /gpus answered. */
export function devices() {
  const sum = h("p", { class: "sum" });
  const groups = h("div", { class: "hosts" });
  const none = h("p", { class: "none", hidden: true });
  const el = h("section", { class: "devices", "aria-label": "Devices" }, h("header", {}, h("h2", {}, "Devices"), sum), groups, none);
  return {
    el,
    update(list, filter) {
      if (!list) return;
      const shown = list.filter((d) => filter(d.host, d.model, d.state, d.user, d.uuid, d.reason));
      text(sum, summary(list));
      keyed(groups, byHost(shown), (g) => g.host, group);
      show(none, shown.length === 0);
      text(none, list.length ? "No device matches the filter." : "No host has joined yet. On a GPU host: mlq agent");
    },
  };
}

/** summary counts devices by state, the free ones first. */
export function summary(list) {
  const n = new Map();
  for (const d of list) n.set(d.state, (n.get(d.state) ?? 0) + 1);
  const free = n.get("free") ?? 0;
  n.delete("free");
  const rest = [...n].sort((a, b) => b[1] - a[1]).map(([state, k]) => `${k} ${state}`);
  return [`${free} of ${list.length} free`, ...rest, ...some(list)].join(" · ");
}

function byHost(list) {
  const hosts = new Map();
  for (const d of list) {
    if (!hosts.has(d.host)) hosts.set(d.host, { host: d.host, devices: [] });
    hosts.get(d.host).devices.push(d);
  }
  return [...hosts.values()];
}

function group(first) {
  const sum = h("span", { class: "muted" });
  const cards = h("ul", { class: "cards" });
  const el = h("section", { "aria-label": `Host ${first.host}` }, h("h3", {}, h("bdi", {}, first.host), " ", sum), cards);
  return {
    el,
    update(g) {
      const free = g.devices.filter((d) => d.state === "free").length;
      text(sum, [count(g.devices.length, "device"), `${free} free`, ...some(g.devices)].join(", "));
      keyed(cards, g.devices, (d) => d.uuid, card);
    },
  };
}

function card(d) {
  const state = badge(d.state);
  const who = h("bdi", { class: "holder" });
  const times = h("p", { class: "times" });
  const why = h("p", { class: "reason" });
  const memory = h("meter", { min: 0, hidden: true });
  const amount = h("span", { class: "amount" });
  const el = h("li", { class: "card", title: d.uuid },
    h("p", { class: "model" }, h("b", {}, String(d.index)), h("bdi", {}, modelName(d))),
    h("p", { class: "state" }, state.el, who), times, why, memory,
    h("p", { class: "foot" }, amount, tag(d)));
  let drawn = "";
  return {
    el,
    update(next) {
      const now = JSON.stringify(next);
      if (now === drawn) return;
      drawn = now;
      el.dataset.state = next.state;
      state.update(next.state);
      fill(who, holder(next));
      fill(times, span(next));
      fill(why, [reason(next)].flat());
      load(next, memory, amount);
    },
  };
}

/** modelName leaves out what the tag beside it says, and the maker that all have in common. */
const modelName = (d) => d.model.replace(/\s*\(simulated\)$/, "").replace(/^NVIDIA\s+(GeForce\s+)?/, "");

function holder(d) {
  if (d.state !== "leased") return null;
  const name = d.user || "somebody";
  return d.job ? h("a", { href: `#/jobs/${d.job}` }, `${name} · job ${d.job}`) : name;
}

function span(d) {
  if (d.state !== "leased") return d.since ? [d.state === "free" ? "for " : "since ", when(d.since, d.state === "free" ? "for" : "clock")] : null;
  const until = d.ends_by ? ["until ", when(d.ends_by, "clock")] : ["no time limit"];
  return d.user_since ? ["for ", when(d.user_since, "for"), " · ", until].flat() : until;
}

/** reason is why a device is not free, or that a lease ends because it is closed. */
function reason(d) {
  if (d.state !== "leased") return d.reason;
  if (!d.drain_deadline) return d.drained_by ? `drained by ${d.drained_by}` : null;
  return ["closed at ", when(d.drain_deadline.at, "clock"), d.drained_by ? ` by ${d.drained_by}` : ""];
}

/** load shows memory and, where the host knows it, how busy the device is. */
function load(d, meter, amount) {
  const busy = d.utilization ?? d.utilisation;
  const words = [];
  if (d.memory) words.push(`${bytes(d.used ?? 0)} of ${bytes(d.memory)}`);
  if (typeof busy === "number") words.push(`${Math.round(busy)} % busy`);
  show(meter, Boolean(d.memory));
  meter.max = d.memory || 1;
  meter.value = d.used ?? 0;
  meter.setAttribute("aria-label", `memory in use: ${words[0] ?? ""}`);
  text(amount, words.join(" · "));
}
