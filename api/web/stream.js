// Streams: server-sent events and growing logs, read with fetch, because an
// EventSource cannot send the token.
import { open, Problem } from "./api.js";

/** texts yields the body of a response as text, as it arrives. */
export async function* texts(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    reader.cancel().catch(() => {}); // nobody reads on
  }
}

/** events yields {id, data, comment}; data is null where there is none. */
export async function* events(response) {
  let rest = "";
  for await (const piece of texts(response)) {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) yield event(block);
  }
}

function event(block) {
  const e = { id: "", data: null, comment: "" };
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    const name = line.slice(0, at);
    const value = line.slice(at + 1).replace(/^ /, "");
    if (name === "id") e.id = value;
    else if (name === "data") e.data = JSON.parse(value);
    else if (name === "") e.comment = value;
  }
  return e;
}

const FIRST_PAUSE = 500; // ms before the second try
const LONGEST_PAUSE = 8000;

/**
 * follow reads events for as long as the page is looked at: it goes on where it
 * left off after a break, and lets go while the tab is hidden, because a browser
 * has six connections per server for all its tabs together.
 */
export function follow(path, { onEvent, onState }) {
  let last = "";
  let abort = null;
  let stopped = false;
  let pause = FIRST_PAUSE;

  async function once() {
    abort = new AbortController();
    const headers = last ? { "Last-Event-ID": last } : {};
    const response = await open("GET", path, { headers, signal: abort.signal });
    pause = FIRST_PAUSE;
    onState(true);
    for await (const e of events(response)) {
      if (e.id) last = e.id;
      onEvent(e);
    }
  }

  async function run() {
    while (!stopped) {
      await visible();
      try {
        await once();
      } catch (err) {
        if (stopped) return;
        if (err instanceof Problem && [401, 403, 404].includes(err.status)) return onState(false, err);
        if (err.name !== "AbortError") onState(false, err);
      }
      await new Promise((done) => setTimeout(done, pause * (0.75 + Math.random() / 2)));
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  const hide = () => document.hidden && abort?.abort();
  document.addEventListener("visibilitychange", hide);
  run();
  return () => {
    stopped = true;
    document.removeEventListener("visibilitychange", hide);
    abort?.abort();
  };
}

/** visible waits until the tab is looked at. */
export function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done) => {
    document.addEventListener("visibilitychange", function look() {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      done();
    });
  });
}
