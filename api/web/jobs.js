// One's own jobs, the newest first; for admins those of all, if they want.
import { badge } from "./badge.js";
import { h, keyed, show, text } from "./dom.js";
import { when } from "./format.js";
import { percent, progressWords } from "./progress.js";

/** jobs makes the view; first is how many it shows at once. onMore asks for more of them. */
export function jobs(first, { onMore, onEveryone } = {}) {
  const sum = h("p", { class: "sum" });
  const rows = h("ul", { class: "jobs" });
  const none = h("p", { class: "none", hidden: true });
  const more = h("button", { class: "quiet", hidden: true, onclick: () => onMore?.() }, "Show more");
  const box = h("input", { type: "checkbox", id: "everyone", onchange: () => onEveryone?.(box.checked) });
  const everyone = h("label", { class: "check", hidden: true }, box, " of all users");
  const all = h("a", { href: "#/jobs", hidden: true }, "All jobs");
  const el = h("section", { "aria-label": "Jobs" }, h("header", {}, h("h2", {}, onMore ? "Jobs" : "Your jobs"), sum, everyone, all), rows, none, more);
  return {
    el,
    update(page, model, filter) {
      if (!page) return;
      const found = page.jobs.filter((j) => filter(j.id, j.name, j.function, j.state, j.user, j.reason, j.worker));
      const shown = onMore ? found : found.slice(0, first);
      keyed(rows, shown, (j) => j.id, row);
      show(none, shown.length === 0);
      text(none, page.jobs.length ? "No job matches the filter." : "No jobs yet. In Python: mlq.submit(fn, …); in a shell: mlq submit.");
      show(more, Boolean(onMore && page.next && model.more < 200));
      show(everyone, Boolean(onEveryone && model.me.role === "admin"));
      show(all, !onMore && found.length > first);
      box.checked = model.everyone;
    },
  };
}

function row(first) {
  const state = badge(first.state);
  const name = h("bdi", { class: "name" });
  const user = h("bdi", { class: "muted" });
  const note = h("span", { class: "note" });
  const times = h("span", { class: "times" });
  const bar = h("progress", { max: 100, hidden: true });
  const el = h("li", {}, h("a", { href: `#/jobs/${first.id}` },
    h("span", { class: "number" }, String(first.id)), name, state.el, user, note, times, bar));
  let drawn = "";
  return {
    el,
    update(j) {
      const now = JSON.stringify(j);
      if (now === drawn) return;
      drawn = now;
      state.update(j.state, j.cancel_requested && !j.ended_at ? "stopping" : j.state);
      text(name, j.name || j.function || "");
      text(user, j.user);
      text(note, brief(j));
      times.replaceChildren(...age(j));
      const done = percent(j);
      show(bar, done !== null);
      bar.value = done ?? 0;
      bar.setAttribute("aria-label", "progress");
    },
  };
}

/** brief is the one thing about a job that its row has room for. */
function brief(j) {
  if (j.state === "failed") return [j.reason, j.detail].filter(Boolean).join(": ");
  if (j.state === "cancelled") return j.cancel_by ? `by ${j.cancel_by}` : "";
  if (j.state === "succeeded") return j.short_result ?? "";
  if (j.state === "running") return progressWords(j) || j.worker || "";
  return "";
}

function age(j) {
  const end = j.ended_at ? when(j.ended_at) : null;
  if (end) return [end];
  const started = j.attempts?.at(-1)?.started;
  if (j.state === "running" && started) return ["for ", when(started, "for")];
  return [when(j.submitted)].filter(Boolean);
}
