// Which view an address names: #/, #/jobs, #/jobs/53, #/queue, #/admin.
import { admin } from "./admin.js";
import { devices } from "./devices.js";
import { h } from "./dom.js";
import { job } from "./job.js";
import { jobs } from "./jobs.js";
import { model, touch } from "./model.js";
import { queue } from "./queue.js";

/** route makes the view of an address; an unknown one is the overview. */
export function route(hash) {
  const [, name, id] = hash.split("/");
  if (name === "jobs" && /^[1-9]\d{0,15}$/.test(id ?? "")) return job(Number(id));
  return ({ jobs: allJobs, queue: wholeQueue, admin }[name] ?? overview)();
}

function free(m) {
  const list = m.data.gpus ?? [];
  return `${list.filter((d) => d.state === "free").length} of ${list.length} free`;
}

function overview() {
  const d = devices();
  const q = queue(10);
  const j = jobs(8);
  return {
    el: h("div", { class: "overview" }, h("h1", { class: "unseen" }, "Overview"), d.el, h("div", { class: "side" }, j.el, q.el)),
    update(m, filter) {
      d.update(m.data, filter, m.me.role);
      q.update(m.data.queue, m.data.counts, filter);
      j.update(m.data.jobs, m, filter);
    },
    title: (m) => `${free(m)} · MLQ`,
  };
}

function allJobs() {
  const j = jobs(50, {
    onMore: () => { model.more += 50; touch("jobs"); },
    onEveryone: (yes) => { model.everyone = yes; touch("jobs"); },
  });
  return {
    el: h("div", {}, h("h1", { class: "unseen" }, "Jobs"), j.el),
    update: (m, filter) => j.update(m.data.jobs, m, filter),
    title: () => "Jobs · MLQ",
    close: () => {
      if (model.everyone) touch("jobs");
      model.everyone = false;
    },
  };
}

function wholeQueue() {
  const q = queue(100);
  return {
    el: h("div", {}, h("h1", { class: "unseen" }, "Queue"), q.el),
    update: (m, filter) => q.update(m.data.queue, m.data.counts, filter),
    title: (m) => `${(m.data.counts?.queued ?? 0).toLocaleString()} waiting · MLQ`,
  };
}
