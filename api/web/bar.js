// The bar above everything: what an admin or a user should know now.
import { fill, h, show } from "./dom.js";
import { clock, duration } from "./format.js";

/** bar shows the warnings that hold, or hides itself. */
export function bar(el, model) {
  const lines = warnings(model);
  const now = JSON.stringify(lines);
  if (el.dataset.shown !== now) {
    el.dataset.shown = now;
    fill(el, lines.map((line) => h("p", { class: line.kind }, h("b", {}, line.head), " ", line.rest)));
  }
  show(el, lines.length > 0);
}

/** warnings lists them, the worst first. */
export function warnings({ away, at, data }, now = Date.now()) {
  const lines = [];
  if (away) {
    const old = at ? `This is how it was at ${clock(at)}, ${duration(Math.floor((now - at) / 5000) * 5)} ago.` : "";
    lines.push({ kind: "bad", head: "The server is away.", rest: `${old} Trying again…` });
    return lines;
  }
  for (const problem of data.ready?.problems ?? []) lines.push({ kind: "bad", head: "Takes no work now.", rest: problem });
  for (const warning of data.ready?.warnings ?? []) lines.push({ kind: "warn", head: "Look after this:", rest: warning });
  return lines;
}
