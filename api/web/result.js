// What a job returned or left behind. Text, JSON and pictures are shown; all
// else is opened by a link, in a place where it can do nothing.
import { get, open } from "./api.js";
import { fill, h } from "./dom.js";
import { bytes, count } from "./format.js";
import { copier, opener } from "./links.js";

const MOST_TEXT = 256 << 10; // bytes that are shown
const MOST_IMAGE = 16 << 20;
const FILES_AT_FIRST = 100;

/** The beginnings of pictures. SVG is none of them: it is a document, and is opened like one. */
const pictures = [
  ["image/png", "png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", "jpg", [0xff, 0xd8, 0xff]],
  ["image/gif", "gif", [0x47, 0x49, 0x46, 0x38]],
  ["image/webp", "webp", [0x52, 0x49, 0x46, 0x46]],
];

/** result fills el with what the job returned; it returns what frees the picture. */
export async function result(el, job) {
  const size = job.result_info?.size ?? 0;
  if (size > MOST_IMAGE) return fill(el, line(job, `${bytes(size)}, too large to be shown here.`, "result"));
  const response = await open("GET", `/jobs/${job.id}/result`);
  const body = new Uint8Array(await response.arrayBuffer());
  const kind = response.headers.get("Mlq-Value");
  const picture = kind === "bytes" ? pictures.find(([, , start]) => start.every((byte, i) => body[i] === byte)) : null;
  if (picture) return image(el, job, body, picture);
  if (kind === "bytes") return fill(el, line(job, `${bytes(body.length)} of binary data.`, "result.bin"));
  const words = new TextDecoder().decode(body.subarray(0, MOST_TEXT));
  const note = kind === "pickle" ? "A Python object, here as JSON shows it; job.result() in Python has the object itself." : "";
  const cut = body.length > MOST_TEXT ? `The first ${bytes(MOST_TEXT)} of ${bytes(body.length)}.` : "";
  return fill(el, h("pre", { class: "value", tabindex: 0, "aria-label": "The value" }, kind === "text" ? words : pretty(words)),
    line(job, [cut, note].filter(Boolean).join(" "), kind === "text" ? "result.txt" : "result.json"));
}

function pretty(words) {
  try {
    return JSON.stringify(JSON.parse(words), null, 2);
  } catch {
    return words; // cut off, or larger than JSON.parse likes
  }
}

function image(el, job, body, [media, ext]) {
  const url = URL.createObjectURL(new Blob([body], { type: media }));
  const img = h("img", { src: url, alt: `The picture that job ${job.id} returned`, class: "picture" });
  img.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
  return fill(el, img, line(job, `${bytes(body.length)}, ${media}`, `result.${ext}`));
}

function line(job, words, path) {
  return h("p", { class: "muted buttons" }, words, " ", opener(job.id, path, "Open", `Open the result of job ${job.id} in another tab`), copier(job.id, path, "Copy link"));
}

/** files fills el with the list of what lay in the job's out/. */
export async function files(el, job) {
  const list = (await get(`/jobs/${job.id}/files`)).files ?? [];
  if (!list.length) return fill(el);
  const rows = h("ul", { class: "files" }, list.slice(0, FILES_AT_FIRST).map((f) => file(job, f)));
  const rest = list.length > FILES_AT_FIRST ? h("p", { class: "muted" }, `and ${count(list.length - FILES_AT_FIRST, "more file")}; mlq files ${job.id} --to DIR fetches all`) : null;
  return fill(el, h("h2", {}, "Files"), rows, rest);
}

function file(job, f) {
  return h("li", {}, h("bdi", { class: "name" }, f.name), h("span", { class: "muted number" }, bytes(f.size)),
    opener(job.id, `files/${f.name}`, "Open", `Open ${f.name} in another tab`));
}

/** failure fills el with why there is no result: the exception, as far as there was one. */
export async function failure(el, job) {
  const head = job.state === "cancelled" ? `Cancelled${job.cancel_by ? ` by ${job.cancel_by}` : ""}.` : [job.reason, job.detail].filter(Boolean).join(": ");
  const said = h("p", { class: "error", role: "note" }, head);
  fill(el, said);
  if (job.state !== "failed") return;
  try {
    await open("GET", `/jobs/${job.id}/result`);
  } catch (err) {
    const traceback = err.body?.error?.traceback;
    if (traceback) el.append(h("pre", { class: "value", tabindex: 0, "aria-label": "Traceback" }, traceback.slice(-MOST_TEXT)));
  }
}
