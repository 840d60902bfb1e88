// What the server last said. Events say that something changed; then what they
// concern is asked for again, each at a modest rate. A slow poll covers what
// makes no event, and hints that were lost.
import { get, Problem } from "./api.js";
import { follow } from "./stream.js";

/** The sources: where from, how often at most, how often at least (ms), and whether it is wanted now. */
const sources = {
  gpus: { path: () => "/gpus", pick: (a) => a.gpus, also: (a) => ({ drivers: a.drivers }), least: 1000, poll: 10_000 },
  queue: { path: () => "/queue?limit=1000", pick: (a) => a.queue, least: 2000, poll: 15_000 },
  counts: { path: () => "/jobs/count?by=state", pick: (a) => a, least: 2000, poll: 15_000 },
  jobs: { path: jobsPath, pick: (a) => a, least: 1000, poll: 30_000 },
  ready: { path: () => "/readyz", pick: (a) => a, least: 1000, poll: 20_000 },
  leases: { path: () => "/leases", pick: (a) => a.leases, least: 1000, poll: 15_000, admin: true },
  hosts: { path: () => "/hosts", pick: (a) => a.hosts, least: 1000, poll: 15_000, admin: true },
  users: { path: () => "/users", pick: (a) => a.users, least: 5000, poll: 60_000, admin: true },
};
const ON_EVENT = ["gpus", "queue", "counts", "jobs", "leases"];
const ON_OTHERS = ["gpus", "queue", "counts"];

export const model = {
  me: null,
  everyone: false, // an admin looks at the jobs of all
  more: 50, // jobs that are asked for
  data: {}, // by source
  at: null, // when the last answer came
  away: "", // why there is none now
  live: false, // events arrive
};

const state = new Map(); // source → {dirty, busy, asked}
let changed = () => {};
let stop = () => {};
let timer = 0;

/** start asks for everything, then follows; onChange is called after each change. */
export function start(me, onChange, onOwnEvent) {
  model.me = me;
  changed = onChange;
  for (const name of Object.keys(sources)) state.set(name, { dirty: true, busy: false, asked: 0 });
  stop = follow("/events", {
    onEvent: (e) => {
      if (e.data) {
        touch(...ON_EVENT);
        onOwnEvent(e.data);
      } else if (e.comment === "others") touch(...ON_OTHERS);
    },
    onState: (live, problem) => {
      model.live = live;
      if (live) touch(...Object.keys(sources));
      else if (problem?.away) lost(problem.message);
      changed();
    },
  });
  timer = setInterval(round, 250);
  round();
}

/** end forgets everything. */
export function end() {
  stop();
  clearInterval(timer);
  Object.assign(model, { me: null, data: {}, at: null, away: "", live: false, everyone: false, more: 50 });
}

/** touch marks sources as old. */
export function touch(...names) {
  for (const name of names) state.get(name).dirty = true;
}

function jobsPath() {
  const mine = model.everyone ? "" : `&user=${encodeURIComponent(model.me.user)}`;
  return `/jobs?limit=${Math.min(model.more, 200)}${mine}`;
}

function round() {
  if (document.hidden) return;
  for (const [name, source] of Object.entries(sources)) {
    const s = state.get(name);
    const age = Date.now() - s.asked;
    const wanted = !source.admin || model.me.role === "admin";
    const due = age >= Math.max(source.least, model.away ? 2000 : 0) && (s.dirty || age >= source.poll || (model.away && name === "ready"));
    if (wanted && due && !s.busy) ask(name, source, s);
  }
}

async function ask(name, source, s) {
  Object.assign(s, { busy: true, dirty: false, asked: Date.now() });
  const me = model.me;
  try {
    const answer = await get(source.path());
    if (model.me === me) found(name, source.pick(answer), source.also?.(answer));
  } catch (err) {
    s.dirty = !(err.status >= 400 && err.status < 500); // a refusal stays one
    if (model.me === me) failed(name, err);
  } finally {
    s.busy = false;
    if (model.me === me) changed();
  }
}

function found(name, value, more) {
  if (model.away) touch(...Object.keys(sources)); // it is back: everything may have changed
  Object.assign(model, { at: new Date(), away: "" });
  model.data[name] = value;
  Object.assign(model.data, more);
}

/** failed keeps the picture. /readyz tells in its body what is wrong, with 503. */
function failed(name, err) {
  if (name === "ready" && err instanceof Problem && err.body?.problems) {
    model.data.ready = err.body;
    return;
  }
  if (!(err instanceof Problem) || err.away) lost(err.message);
  else if (err.status === 503) model.data.ready = { ...model.data.ready, problems: [err.message] };
}

function lost(why) {
  model.away = why;
}
