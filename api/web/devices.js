// The devices, by host, and what is to be said of the host's driver.
import { card } from "./card.js";
import { fill, h, keyed, show, text } from "./dom.js";
import { count, when } from "./format.js";
import { attach, detach } from "./orders.js";
import { some } from "./simulated.js";

/** devices makes the view; update(data, filter, role) shows what /gpus answered. */
export function devices() {
  const sum = h("p", { class: "sum" });
  const groups = h("div", { class: "hosts" });
  const none = h("p", { class: "none", hidden: true });
  const el = h("section", { class: "devices", "aria-label": "Devices" }, h("header", {}, h("h2", {}, "Devices"), sum), groups, none);
  return {
    el,
    update({ gpus: list, drivers }, filter, role) {
      if (!list) return;
      const shown = list.filter((d) => filter(d.host, d.model, d.state, d.user, d.uuid, d.reason, ...(d.foreign ?? []).map((p) => p.user)));
      text(sum, summary(list));
      keyed(groups, byHost(shown, drivers, role === "admin"), (g) => g.host, group);
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

function byHost(list, drivers = [], admin) {
  const hosts = new Map();
  for (const d of list) {
    if (!hosts.has(d.host)) hosts.set(d.host, { host: d.host, devices: [], driver: drivers.find((x) => x.host === d.host), admin });
    const host = hosts.get(d.host);
    host.devices.push({ ...d, reason: without(host.driver?.problem, d.reason), admin });
  }
  return [...hosts.values()];
}

/** without leaves out of a device's reason what stands above all devices of its host. */
const without = (problem, reason) => (problem && reason ? reason.replace(`: ${problem}`, "") : reason);

function group(first) {
  const sum = h("span", { class: "muted" });
  const taken = h("button", { class: "quiet", hidden: true, "aria-label": `Detach the driver of ${first.host}`, onclick: () => detach(first.host) }, "Detach driver");
  const given = h("button", { class: "quiet", hidden: true, "aria-label": `Attach the driver of ${first.host}`, onclick: () => attach(first.host) }, "Attach driver");
  const driver = h("div", { class: "driver" });
  const cards = h("ul", { class: "cards" });
  const sliced = h("div", { class: "sliced" });
  const el = h("section", { "aria-label": `Host ${first.host}` },
    h("h3", {}, h("bdi", {}, first.host), " ", sum, h("span", { class: "buttons" }, taken, given)), driver, cards, sliced);
  return {
    el,
    update(g) {
      const free = g.devices.filter((d) => d.state === "free").length;
      const away = g.devices.some((d) => d.detached);
      fill(sum, [count(g.devices.length, "device"), `${free} free`, ...some(g.devices), ...versions(g.driver)].join(", "), read(g.devices));
      show(taken, g.admin && Boolean(g.driver) && !away);
      show(given, g.admin && away);
      fill(driver, troubles(g.driver).map(([kind, words]) => h("p", { class: kind }, words)));
      keyed(cards, g.devices.filter((d) => !d.parent), (d) => d.uuid, card);
      keyed(sliced, parents(g.devices), (p) => p.uuid, slices);
      show(cards, cards.childElementCount > 0);
    },
  };
}

/** read is how old the readings are: those of a host come together. */
function read(list) {
  const d = list.find((x) => typeof x.utilization === "number" || typeof x.temperature === "number");
  return d ? [", read ", when(d.reported)] : null;
}

const versions = (driver) => [driver?.driver ? `driver ${driver.driver}` : null, driver?.cuda ? `CUDA ${driver.cuda}` : null].filter(Boolean);

/** troubles are what is wrong with a driver, with the class of the words. */
function troubles(driver) {
  if (!driver) return [];
  return [driver.problem ? ["error", driver.problem] : null, ...(driver.warnings ?? []).map((words) => ["reason", words])].filter(Boolean);
}

/** parents are the GPUs that are cut into slices, which are no devices themselves. */
function parents(list) {
  const all = new Map();
  for (const d of list) {
    if (!d.parent) continue;
    if (!all.has(d.parent)) all.set(d.parent, { uuid: d.parent, devices: [] });
    all.get(d.parent).devices.push(d);
  }
  return [...all.values()];
}

function slices(p) {
  const cards = h("ul", { class: "cards" });
  const of = h("p", { class: "muted", title: p.uuid });
  return {
    el: h("div", { class: "slices" }, of, cards),
    update(next) {
      text(of, `${p.uuid.slice(0, 12)} in ${count(next.devices.length, "slice")}`);
      keyed(cards, next.devices, (d) => d.uuid, card);
    },
  };
}
