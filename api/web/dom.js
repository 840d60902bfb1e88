// Elements are made here and nowhere else. Text becomes text nodes, never
// markup: names, logs and errors are whatever somebody's job wrote.

/** h makes an element: attributes, on* listeners, then children (texts, nodes, null for none). */
export function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else el.setAttribute(name, value === true ? "" : value);
  }
  add(el, children);
  return el;
}

function add(el, children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) el.append(child);
  }
}

/** text changes a text only where it differs, so that a selection in it stays. */
export function text(el, value) {
  const next = String(value ?? "");
  if (el.textContent !== next) el.textContent = next;
}

/** fill replaces the children of an element. */
export function fill(el, ...children) {
  el.replaceChildren();
  add(el, children);
  return el;
}

/** show sets whether an element is there for anybody. */
export function show(el, yes) {
  if (el.hidden === yes) el.hidden = !yes;
}

const rows = new WeakMap(); // parent → key → {el, update}

/**
 * keyed makes the children of parent follow a list. make(item) gives {el, update};
 * the element of a key stays the same one, and with it focus and selection.
 */
export function keyed(parent, items, keyOf, make) {
  const before = rows.get(parent) ?? new Map();
  const after = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (after.has(key)) continue;
    const row = before.get(key) ?? make(item);
    row.update?.(item);
    after.set(key, row);
  }
  for (const [key, row] of before) if (!after.has(key)) row.el.remove();
  let at = parent.firstElementChild;
  for (const row of after.values()) {
    if (row.el === at) at = at.nextElementSibling;
    else parent.insertBefore(row.el, at);
  }
  rows.set(parent, after);
}

/** say tells a screen reader what changed. */
export function say(words) {
  text(document.getElementById("said"), words);
}

/** isTyping: the key event belongs to a field that takes text. */
export function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName));
}
