// For admins: who holds what, and the hosts and users; taking leases away, closing hosts.
import { post, remove } from "./api.js";
import { badge } from "./badge.js";
import { ask } from "./dialog.js";
import { fill, h, keyed, show } from "./dom.js";
import { count, duration, when } from "./format.js";
import { touch } from "./model.js";
import { some, tag } from "./simulated.js";

/** admin makes the view. */
export function admin() {
  const leases = table("Leases", ["Job", "User", "Host", "Devices", "Since", "Until", ""], "Nobody holds a device.", lease);
  const hosts = table("Hosts", ["Host", "State", "Devices", "Environments", "Jobs run", "Version", ""], "No host has joined yet.", host);
  const users = table("Users", ["User", "Unix account", "Holds", "Waiting", "Limits", "Since"], "No users yet: mlq token create --user NAME", user);
  const nobody = h("p", { class: "none", hidden: true }, "This is for admins.");
  return {
    el: h("div", { class: "admin" }, h("h1", { class: "unseen" }, "Admin"), nobody, leases.el, hosts.el, users.el),
    update({ data, me }, filter) {
      const may = me.role === "admin";
      show(nobody, !may);
      for (const part of [leases, hosts, users]) show(part.el, may);
      if (!may) return;
      leases.update(data.leases, (l) => l.job, (l) => filter(l.job, l.user, l.host, l.name));
      hosts.update(data.hosts, (x) => x.host, (x) => filter(x.host, x.state, x.version));
      users.update(data.users, (u) => u.name, (u) => filter(u.name, u.unix));
    },
    title: () => "Admin · MLQ",
  };
}

function table(title, columns, nothing, cells) {
  const rows = h("tbody");
  const none = h("p", { class: "none", hidden: true }, nothing);
  const body = h("table", {}, h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name || h("span", { class: "unseen" }, "Actions"))))), rows);
  const el = h("section", { "aria-label": title }, h("header", {}, h("h2", {}, title)), h("div", { class: "wide" }, body), none);
  function row() {
    const tr = h("tr");
    let drawn = "";
    return {
      el: tr,
      update(item) {
        const now = JSON.stringify(item);
        if (now === drawn) return;
        const focused = tr.contains(document.activeElement) ? document.activeElement.textContent : null;
        drawn = now;
        fill(tr, cells(item).map((cell, i) => h("td", { "data-name": columns[i] || null }, cell)));
        if (focused !== null) [...tr.querySelectorAll("button")].find((b) => b.textContent === focused)?.focus();
      },
    };
  }
  return {
    el,
    update(list, keyOf, filter) {
      if (!list) return;
      keyed(rows, list.filter(filter), keyOf, row);
      show(none, list.length === 0);
      show(body, list.length > 0);
    },
  };
}

function lease(l) {
  return [
    h("a", { href: `#/jobs/${l.job}` }, String(l.job), l.name ? [" ", h("bdi", {}, l.name)] : ""),
    h("bdi", {}, l.user), h("bdi", {}, l.host), h("span", { title: l.devices.join(", ") }, count(l.devices.length, "device"), " ", tag(l)),
    when(l.since), l.ends_by ? when(l.ends_by, "clock") : "no limit",
    h("button", { class: "danger", "aria-label": `Revoke the lease of job ${l.job}`, onclick: () => revoke(l) }, "Revoke"),
  ];
}

function revoke(l) {
  ask({
    title: `Take ${count(l.devices.length, "device")} away from job ${l.job}?`, confirm: "Revoke",
    words: `${l.user} is told who did it and why.`,
    fields: [
      { name: "reason", label: "Reason", placeholder: "shown to the user" },
      { name: "then", label: "Then the job", choices: [["cancel", "is cancelled"], ["requeue", "goes back into the queue"]] },
    ],
    action: async ({ reason, then }) => {
      await remove(`/leases/${l.job}?${query({ then, reason })}`);
      touch("leases", "gpus");
    },
  });
}

/** query leaves out what is empty. */
const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString();

function host(x) {
  const state = badge(x.state);
  const open = x.state !== "drained";
  return [
    h("bdi", {}, x.host), [state.el, x.drained_by ? h("span", { class: "muted" }, ` by ${x.drained_by}`) : null,
      x.drain_deadline ? [" until ", when(x.drain_deadline.at, "clock")] : null].flat().filter(Boolean),
    [`${x.devices.filter((d) => d.state === "free").length} of ${x.devices.length} free`, ...some(x.devices)].join(", "),
    (x.environments ?? []).map((e) => h("span", { class: "env", title: e.path }, `${e.name} (${e.version})`, e.problem ? h("b", { class: "error" }, ` ${e.problem}`) : null)),
    [x.run_as, x.isolation].filter(Boolean).join(", ") || "–", x.version,
    h("button", { class: open ? "danger" : null, "aria-label": `${open ? "Drain" : "Open"} ${x.host}`, onclick: () => drain(x, open) }, open ? "Drain" : "Open again"),
  ];
}

function drain(x, close) {
  const path = `/hosts/${encodeURIComponent(x.host)}/${close ? "drain" : "undrain"}`;
  ask({
    title: close ? `Give ${x.host} no new jobs?` : `Give ${x.host} jobs again?`, confirm: close ? "Drain" : "Open",
    words: close ? "What runs there goes on, and is told of the deadline." : `It was closed by ${x.drained_by || "an admin"}.`,
    fields: close ? [
      { name: "reason", label: "Reason", placeholder: "shown to users" },
      { name: "deadline", label: "What still runs is stopped after", placeholder: "never; or 2h, 30m" },
    ] : [],
    action: async ({ reason, deadline }) => {
      const q = query({ reason, deadline });
      await post(q ? `${path}?${q}` : path);
      touch("hosts", "gpus");
    },
  });
}

function user(u) {
  return [h("bdi", {}, u.name), u.unix ? h("bdi", {}, u.unix) : "–", count(u.devices ?? 0, "device"), count(u.waiting ?? 0, "job"), limits(u), when(u.created)];
}

/** limits writes those that a user has; what is not set is the server's. */
function limits(u) {
  const all = [];
  if (u.max_devices) all.push(count(u.max_devices, "device"));
  if (u.max_queued) all.push(`${count(u.max_queued, "job")} waiting`);
  if (u.max_timeout_s) all.push(`jobs up to ${duration(u.max_timeout_s)}`);
  return all.join(", ") || "–";
}
