// One job: where it stands, what can be done with it, its result and its log.
import { get, post, Problem, remove } from "./api.js";
import { badge } from "./badge.js";
import { ask } from "./dialog.js";
import { fill, h, show, text } from "./dom.js";
import { duration, when } from "./format.js";
import { log } from "./log.js";
import { model } from "./model.js";
import { percent, progressWords } from "./progress.js";
import { failure, files, result } from "./result.js";
import { tag } from "./simulated.js";
import { follow } from "./stream.js";

const WHOSE_LIMIT = { "server-default": " (the server's default)", "server-max": " (the server's maximum)", "user-max": " (the user's maximum)" };
const FINAL = ["succeeded", "failed", "cancelled"];

/** job makes the view of one job; it keeps itself up to date until it is closed. */
export function job(id) {
  const v = parts(id);
  let now = null;
  let output = null;
  let outcome = "";
  let closed = false;

  async function look() {
    try {
      const found = await get(`/jobs/${id}`);
      if (closed) return;
      now = found;
      draw();
    } catch (err) {
      if (err instanceof Problem && err.status === 404) missing(v, id);
      else if (!(err instanceof Problem)) throw err;
    }
  }

  function draw() {
    head(v, now);
    if (!output && now.attempts.length) v.log.append((output = log(id)).el);
    const final = FINAL.includes(now.state);
    show(v.cancel, !final);
    v.cancel.disabled = Boolean(now.cancel_requested);
    show(v.again, now.state === "failed" || now.state === "cancelled");
    if (final && outcome !== now.state) {
      outcome = now.state;
      end(v, now);
    }
    if (now.state === "queued" || now.state === "scheduled") waits(v.why, id);
    else fill(v.why);
  }

  const soon = gently(look);
  const stop = follow(`/jobs/${id}/events`, {
    onEvent: ({ data }) => {
      if (!data) return;
      if (data.kind === "update" && now && data.state === now.state) progress(v, data);
      if (data.kind !== "update" || data.state !== now?.state || data.text) soon();
    },
    onState: (live) => { if (live) soon(); },
  });
  v.cancel.addEventListener("click", () => askCancel(id, soon));
  v.again.addEventListener("click", () => runAgain(v, id));
  look();
  const poll = setInterval(() => { if (!document.hidden && (!now || !FINAL.includes(now.state))) soon(); }, 10_000);
  return {
    el: v.el,
    update: () => {},
    title: () => `Job ${id}${now ? `: ${now.state}` : ""} · MLQ`,
    up: "#/jobs",
    close: () => {
      closed = true;
      clearInterval(poll);
      stop();
      output?.close();
    },
  };
}

function parts(id) {
  const v = {
    state: badge("queued"), name: h("bdi"), facts: h("dl", { class: "facts" }), closing: h("p", { class: "closing", hidden: true }), bar: h("progress", { max: 100, hidden: true, "aria-label": "progress" }),
    report: h("p", { class: "report" }), why: h("div", { class: "why" }), outcome: h("section", { class: "outcome", "aria-label": "Result" }),
    files: h("section", { "aria-label": "Files" }), log: h("div"), error: h("p", { class: "error", role: "alert" }),
    cancel: h("button", { class: "danger", hidden: true }, "Cancel"), again: h("button", { hidden: true }, "Run again"),
  };
  v.body = h("div", {}, v.facts, v.closing, v.why, v.bar, v.report, v.error, v.outcome, v.files, v.log);
  v.el = h("article", { class: "job" }, h("p", { class: "back" }, h("a", { href: "#/jobs" }, "← Jobs")),
    h("header", {}, h("h1", {}, `Job ${id} `, v.name), v.state.el, h("span", { class: "buttons" }, v.cancel, v.again)), v.body);
  return v;
}

function missing(v, id) {
  fill(v.body, h("p", { class: "none" }, `There is no job ${id}, or it is somebody else's.`));
  for (const el of [v.state.el, v.cancel, v.again]) show(el, false);
}

function head(v, j) {
  show(v.state.el, true);
  v.state.update(j.state, j.cancel_requested && !FINAL.includes(j.state) ? `stopping, as ${j.cancel_by || "somebody"} asked` : j.state);
  text(v.name, j.name || j.function || "");
  fill(v.facts, facts(j).map(([name, ...value]) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value))));
  progress(v, j);
  show(v.closing, Boolean(j.closing));
  if (j.closing) fill(v.closing, h("b", {}, "It is stopped at ", when(j.closing.at, "clock"), ". "), `${j.closing.what}${j.closing.simulated ? " (simulated)" : ""} is closed by ${j.closing.by}; the job then ${j.closing.then === "cancel" ? "is cancelled" : "waits for another device"}.`);
}

function facts(j) {
  const a = j.attempts.at(-1);
  const ran = a?.started && (j.ended_at ? duration((new Date(j.ended_at) - new Date(a.started)) / 1000) : when(a.started, "for"));
  const all = [["User", h("bdi", {}, j.user)], ["Submitted", when(j.submitted)]];
  if (a) all.push(["On", h("bdi", { title: a.devices.join(", ") }, `${a.host}, ${places(a.devices)}`), " ", tag(a)]);
  if (ran) all.push([j.ended_at ? "Ran for" : "Running for", ran]);
  if (j.ended_at) all.push(["Ended", when(j.ended_at)]);
  if (j.lease?.ends_by) all.push(["Until", when(j.lease.ends_by, "clock"), " at most"]);
  if (j.timeout_s) all.push(["Time limit", `${duration(j.timeout_s)}${WHOSE_LIMIT[j.timeout_from] ?? ""}`]);
  if (j.attempts.length > 1) all.push(["Attempt", String(j.attempts.length)]);
  if (j.after?.length) all.push(["After", j.after.map((id) => [h("a", { href: `#/jobs/${id}` }, String(id)), " "])]);
  if (j.requeue_of) all.push(["Runs again", h("a", { href: `#/jobs/${j.requeue_of}` }, `job ${j.requeue_of}`)]);
  if (j.requeued_as) all.push(["Run again as", h("a", { href: `#/jobs/${j.requeued_as}` }, `job ${j.requeued_as}`)]);
  return all.map(([name, ...value]) => [name, ...value.flat(2)]);
}

/** places names devices as the overview numbers them, or by the start of their UUID. */
function places(uuids) {
  const known = new Map((model.data.gpus ?? []).map((d) => [d.uuid, d.index]));
  const names = uuids.map((uuid) => known.get(uuid) ?? uuid.slice(0, 12));
  return `device${names.length === 1 ? "" : "s"} ${names.join(", ")}`;
}

function progress(v, j) {
  const done = percent(j);
  show(v.bar, done !== null);
  v.bar.value = done ?? 0;
  text(v.report, progressWords(j));
}

async function waits(el, id) {
  try {
    const why = await get(`/jobs/${id}/why`);
    const place = why.position ? `Place ${why.position_over ? "over " : ""}${why.position} in the queue. ` : "";
    const about = why.estimate?.earliest_s !== null && why.estimate?.earliest_s !== undefined ? `Starts in about ${duration(why.estimate.earliest_s)}${why.estimate.latest_s > why.estimate.earliest_s ? ` to ${duration(why.estimate.latest_s)}` : ""} (${why.estimate.basis}).` : "";
    fill(el, h("p", {}, h("b", {}, place), about), h("ul", {}, why.reasons.map((r) => h("li", {}, r.text))));
  } catch (err) {
    if (!(err instanceof Problem)) throw err; // it has started meanwhile, or the server is away: the bar tells
  }
}

/** end shows what is left of a job, once. */
async function end(v, j) {
  try {
    if (j.state === "succeeded") {
      const box = h("div");
      fill(v.outcome, h("h2", {}, "Result"), box);
      await result(box, j);
    } else await failure(v.outcome, j);
    if (j.result_info?.file_count) await files(v.files, j);
  } catch (err) {
    if (!(err instanceof Problem)) throw err;
    v.outcome.append(h("p", { class: "error" }, `${err.message}.`));
  }
}

function askCancel(id, done) {
  ask({
    title: `Cancel job ${id}?`, confirm: "Cancel the job",
    words: "If it runs, it is told to stop, and stopped after its grace. What it has computed is lost.",
    action: async () => { await remove(`/jobs/${id}`); done(); },
  });
}

async function runAgain(v, id) {
  v.again.disabled = true;
  text(v.error, "");
  try {
    location.hash = `#/jobs/${await post(`/jobs/${id}/requeue`)}`;
  } catch (err) {
    if (!(err instanceof Problem)) throw err;
    text(v.error, `${err.message}.`);
  } finally {
    v.again.disabled = false;
  }
}

/** gently runs a function at once, and then twice a second at most. */
function gently(fn) {
  let timer = 0;
  let last = 0;
  return () => {
    if (timer) return;
    timer = setTimeout(() => { timer = 0; last = Date.now(); fn(); }, Math.max(0, 500 - (Date.now() - last)));
  };
}
