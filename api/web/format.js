// Numbers and times in words. Times are shown in the reader's zone, with its name, since
// reasons have the time of UTC; the whole date stands in the title.
import { h, text } from "./dom.js";

const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const time = { hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
const hour = new Intl.DateTimeFormat(undefined, time);
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", ...time });

/** date reads a time of the wire: RFC 3339, or null. */
export function date(value) {
  const at = value ? new Date(value) : null;
  return at && !Number.isNaN(at.getTime()) ? at : null;
}

/** duration writes seconds as people say them: two units at most. */
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s < 600 && s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 60)} min`;
  if (s < 86400) return parts(s, 3600, "h", 60, "min");
  return parts(s, 86400, "d", 3600, "h");
}

function parts(s, big, bigName, small, smallName) {
  const rest = Math.floor((s % big) / small);
  return `${Math.floor(s / big)} ${bigName}${rest ? ` ${rest} ${smallName}` : ""}`;
}

/** clock is a time of day, with the date where it is not today. */
export function clock(at) {
  return (at.toDateString() === new Date().toDateString() ? hour : day).format(at);
}

/** absolute is the whole date with its zone. */
export const absolute = (at) => whole.format(at);

/** bytes writes a size in binary units. */
export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  let value = n;
  for (; value >= 1023.5 && i < units.length - 1; i++) value /= 1024;
  return `${i === 0 || value >= 99.5 ? Math.round(value) : Number(value.toFixed(1))} ${units[i]}`;
}

const modes = {
  ago: (at, now) => (now - at < 1000 ? "now" : `${duration((now - at) / 1000)} ago`),
  for: (at, now) => duration((now - at) / 1000),
  left: (at, now) => (at > now ? `${duration((at - now) / 1000)} left` : "overdue"),
  clock: (at) => clock(at),
};

/** when makes a <time> that keeps itself up to date: ago, for, left or clock. */
export function when(value, mode = "ago") {
  const at = date(value);
  if (!at) return null;
  const el = h("time", { datetime: at.toISOString(), title: absolute(at), "data-mode": mode });
  tick(el);
  return el;
}

function tick(el) {
  text(el, modes[el.dataset.mode](new Date(el.dateTime), Date.now()));
}

/** tickAll renews all times on the page. */
export function tickAll() {
  for (const el of document.querySelectorAll("time[data-mode]")) tick(el);
}

/** count writes a number of things. */
export const count = (n, one, many = `${one}s`) => `${n.toLocaleString()} ${n === 1 ? one : many}`;
