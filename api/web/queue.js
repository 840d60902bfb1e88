// Who waits for what, in order. Names and reasons are one's own only.
import { h, keyed, show, text } from "./dom.js";
import { count, when } from "./format.js";

const STEP = 100; // rows that one press adds

/** queue makes the view; first is how many places it shows at once. */
export function queue(first) {
  let most = first;
  const sum = h("p", { class: "sum" });
  const rows = h("tbody");
  const none = h("p", { class: "none", hidden: true });
  const more = h("button", { class: "quiet", hidden: true, onclick: () => { most += STEP; again(); } });
  const table = h("table", {},
    h("thead", {}, h("tr", {}, ...["Place", "User", "Wants", "Waits"].map((name) => h("th", { scope: "col" }, name)))), rows);
  const el = h("section", { class: "queue", "aria-label": "Queue" }, h("header", {}, h("h2", {}, "Queue"), sum), table, none, more);
  let again = () => {};
  function update(list, counts, filter) {
    if (!list) return;
    again = () => update(list, counts, filter);
    const shown = list.filter((w) => filter(w.user, w.class, w.name, w.job));
    const total = Math.max(counts?.queued ?? 0, list.length);
    text(sum, total ? `${count(total, "job")} waiting` : "");
    keyed(rows, shown.slice(0, most), (w) => `${w.job ?? ""}/${w.place}/${w.since}`, row);
    show(table, shown.length > 0);
    show(none, shown.length === 0);
    text(none, list.length ? "Nothing in the queue matches the filter." : "Nobody waits.");
    show(more, shown.length > most);
    text(more, `Show ${Math.min(STEP, shown.length - most)} more of ${shown.length.toLocaleString()}${total > list.length ? ` (the first of ${total.toLocaleString()})` : ""}`);
  }
  return { el, update };
}

function row(first) {
  const place = h("td", { class: "number" });
  const name = h("bdi");
  const mine = first.job ? h("a", { href: `#/jobs/${first.job}` }, `job ${first.job}`, " ", name) : null;
  const el = h("tr", { class: mine ? "mine" : null },
    place,
    h("td", {}, h("bdi", {}, first.user || "somebody"), mine ? [" ", mine] : null),
    h("td", { class: "wants" }, wants(first)),
    h("td", { class: "number" }, when(first.since, "for")));
  return {
    el,
    update(w) {
      text(place, w.place);
      text(name, w.name ?? "");
    },
  };
}

/** wants is what kind of devices, and how many. */
export function wants(w) {
  const what = w.gpus === 0 ? "CPU slot" : w.gpus === 1 ? "1 GPU" : `${w.gpus} GPUs`;
  const priority = w.priority ? `, priority ${w.priority > 0 ? "+" : "−"}${Math.abs(w.priority)}` : "";
  return what + priority;
}
