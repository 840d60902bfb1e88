// Links that work without a token, for what a browser opens by itself: another
// tab, an image, a mail.
import { post } from "./api.js";
import { h, say, text } from "./dom.js";

/** signed asks for a link to one thing of a job and returns its URL. */
async function signed(job, path, ttl) {
  const link = await post(`/jobs/${job}/links`, { path, ttl });
  const url = new URL(link.url);
  return new URL(url.pathname + url.search, location.href).href; // the server as this browser reaches it
}

/** opener is a button that opens something of a job in another tab, out of this page's reach. */
export function opener(job, path, words, label) {
  const failed = h("span", { class: "error", role: "alert" });
  const button = h("button", {
    class: "quiet",
    "aria-label": label,
    onclick: act(failed, async () => {
      const a = h("a", { href: await signed(job, path, "5m"), target: "_blank", rel: "noopener noreferrer" });
      a.click();
    }),
  }, words);
  return [button, failed];
}

/** copier is a button that copies a link. */
export function copier(job, path, words) {
  const failed = h("span", { class: "error", role: "alert" });
  const button = h("button", {
    class: "quiet",
    title: "Whoever has this link can read it, for 24 hours",
    onclick: act(failed, async () => {
      const url = await signed(job, path, "24h");
      try {
        await navigator.clipboard.writeText(url);
        say("Link copied");
        text(button, "Copied");
        setTimeout(() => text(button, words), 2000);
      } catch {
        text(failed, url); // no clipboard, as over plain http: the link is shown
      }
    }),
  }, words);
  return [button, failed];
}

function act(failed, action) {
  return async () => {
    text(failed, "");
    try {
      await action();
    } catch (err) {
      text(failed, `${err.message}.`);
    }
  };
}
