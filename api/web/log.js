// A job's log: its end, growing. What is older than the last quarter of a MiB
// is not kept here, so that a log of any size leaves the page quick.
import { open, Problem } from "./api.js";
import { h, show, text } from "./dom.js";
import { bytes } from "./format.js";
import { opener } from "./links.js";
import { texts, visible } from "./stream.js";
import { Terminal } from "./terminal.js";

const TAIL = 256 << 10; // bytes that are asked for, and characters that are kept
const CHUNK = 16 << 10; // characters of one text node
const DRAW_EVERY = 100; // ms

/** log makes the view of a job's log and begins to read; close ends it. */
export function log(job) {
  const pre = h("pre", { class: "log", tabindex: 0, role: "log", "aria-live": "off", "aria-label": "What the job printed", hidden: true });
  const current = document.createTextNode("");
  const older = h("p", { class: "muted older", hidden: true });
  const note = h("p", { class: "muted" }, "Reading…");
  const jump = h("button", { class: "quiet jump", hidden: true, onclick: () => bottom() }, "To the end");
  const el = h("section", { class: "logs", "aria-label": "Log" },
    h("header", {}, h("h2", {}, "Log"), h("span", { class: "buttons" }, jump, opener(job, "logs", "Open whole log", "Open the whole log in another tab"))), older, pre, note);
  const abort = new AbortController();
  const reader = { pre, current, older, note, terminal: new Terminal(), pending: "", kept: 0, empty: true, timer: 0 };
  pre.append(current);
  pre.addEventListener("scroll", () => show(jump, !atEnd(pre)));
  const bottom = () => { pre.scrollTop = pre.scrollHeight; };
  run(job, reader, abort.signal);
  return { el, close: () => abort.abort() };
}

const atEnd = (pre) => pre.scrollHeight - pre.scrollTop - pre.clientHeight < 24;

/** run reads until the log has ended, again after a break, and not while the tab is hidden. */
async function run(job, reader, signal) {
  for (let pause = 500; !signal.aborted; pause = Math.min(2 * pause, 8000)) {
    await visible();
    try {
      await read(job, reader, signal);
      draw(reader);
      text(reader.note, reader.empty ? "It printed nothing." : "");
      return;
    } catch (err) {
      if (signal.aborted) return;
      if (err instanceof Problem && !err.away && err.status < 500) return text(reader.note, `${err.message}.`);
      text(reader.note, "The server does not answer; this is what came until now.");
    }
    await new Promise((done) => setTimeout(done, pause));
  }
}

async function read(job, reader, signal) {
  const head = await open("HEAD", `/jobs/${job}/logs`, { signal });
  const size = Number(head.headers.get("Mlq-Log-Size")) || 0;
  const offset = Math.max(0, size - TAIL);
  const response = await open("GET", `/jobs/${job}/logs?follow=1&offset=${offset}`, { signal });
  restart(reader);
  let cut = offset > 0; // the first line is not whole
  if (cut) text(reader.older, `${bytes(offset)} of earlier output are left out here.`);
  show(reader.older, cut);
  text(reader.note, size ? "" : "Nothing printed yet.");
  for await (let piece of texts(response)) {
    if (cut && piece.includes("\n")) {
      piece = piece.slice(piece.indexOf("\n") + 1);
      cut = false;
    }
    take(reader, piece);
  }
}

function restart(reader) {
  reader.pre.replaceChildren(reader.current);
  reader.current.data = "";
  Object.assign(reader, { terminal: new Terminal(), pending: "", kept: 0, empty: true });
}

function take(reader, piece) {
  if (piece === "") return;
  reader.pending += reader.terminal.write(piece);
  if (reader.empty) text(reader.note, "");
  reader.empty = false;
  if (reader.pending.length > TAIL) reader.pending = reader.pending.slice(-TAIL);
  if (!reader.timer) reader.timer = setTimeout(() => draw(reader), DRAW_EVERY);
}

/** draw puts what has come into the page, at most ten times a second. */
function draw(reader) {
  clearTimeout(reader.timer);
  reader.timer = 0;
  const stick = atEnd(reader.pre);
  for (let at = 0; at < reader.pending.length; at += CHUNK) append(reader, reader.pending.slice(at, at + CHUNK));
  reader.pending = "";
  if (reader.current.data !== reader.terminal.line) reader.current.data = reader.terminal.line;
  show(reader.pre, !reader.empty);
  if (stick) reader.pre.scrollTop = reader.pre.scrollHeight;
}

function append(reader, piece) {
  const last = reader.current.previousSibling;
  if (last && last.data.length < CHUNK) last.data += piece;
  else reader.pre.insertBefore(document.createTextNode(piece), reader.current);
  reader.kept += piece.length;
  while (reader.kept > TAIL && reader.pre.firstChild !== reader.current) {
    reader.kept -= reader.pre.firstChild.data.length;
    reader.pre.firstChild.remove();
    text(reader.older, "Earlier output is left out here.");
    show(reader.older, true);
  }
}
