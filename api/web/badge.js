// States: a shape, a word and a colour; each of the first two says it alone.
import { h, text } from "./dom.js";

/** badge shows a state and keeps its element. */
export function badge(state) {
  const word = h("span");
  const el = h("span", { class: "badge" }, h("i", { class: "dot", "aria-hidden": "true" }), word);
  const update = (next, words = next) => {
    el.dataset.state = next;
    text(word, words);
  };
  update(state);
  return { el, update };
}
