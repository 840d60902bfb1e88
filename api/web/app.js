// The page: sign in, then the view that the address names. Everything that is
// shown comes from the public interface.
import { get, hooks, session } from "./api.js";
import { bar } from "./bar.js";
import { fill, h, isTyping, say, show, text } from "./dom.js";
import { tickAll } from "./format.js";
import { end, model, start } from "./model.js";
import { route } from "./views.js";

const $ = (id) => document.getElementById(id);
let view = null; // what is shown: {el, update, close, title}

async function enter() {
  try {
    const me = await get("/whoami");
    signedIn(me);
  } catch (err) {
    if (err.status === 401) return askForToken("");
    fill($("bar"), `${err.message}. Trying again…`);
    show($("bar"), true);
    setTimeout(enter, 2000);
  }
}

function signedIn(me) {
  show($("sign-in"), false);
  show($("top"), true);
  show($("main"), true);
  show($("to-admin"), me.role === "admin");
  show($("sign-out"), session.token !== "");
  text($("who"), me.role === "admin" && me.user !== "admin" ? `${me.user} (admin)` : me.user);
  hooks.onUnauthorized = () => leave("The server does not know this token any more: it was revoked, or it has expired.");
  start(me, redraw, announce);
  window.addEventListener("hashchange", go);
  go();
}

function askForToken(error) {
  session.token = "";
  for (const id of ["top", "main", "bar"]) show($(id), false);
  show($("sign-in"), true);
  text($("sign-in-error"), error);
  document.title = "Sign in · MLQ";
  $("token").focus();
}

function leave(why) {
  hooks.onUnauthorized = () => {};
  window.removeEventListener("hashchange", go);
  view?.close?.();
  view = null;
  fill($("main"));
  end();
  askForToken(why);
}

$("sign-in-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  const token = $("token").value.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) return text($("sign-in-error"), "That is no token: one has letters, digits and _ only.");
  session.token = token;
  try {
    const me = await get("/whoami");
    $("token").value = "";
    signedIn(me);
    $("main").focus();
  } catch (err) {
    session.token = "";
    text($("sign-in-error"), err.status === 401 ? "The server does not know this token: mistyped, revoked or expired." : `${err.message}.`);
    $("token").select();
  }
});

$("sign-out").addEventListener("click", () => leave(""));

/** go shows the view of the address. */
function go() {
  view?.close?.();
  view = route(location.hash);
  fill($("main"), view.el);
  for (const a of document.querySelectorAll("nav a")) {
    const here = a.getAttribute("href") === `#/${location.hash.split("/")[1] ?? ""}`;
    if (here) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  redraw();
  window.scrollTo(0, 0);
}

let drawing = 0;

/** redraw shows what is known now, once a frame at most. */
function redraw() {
  if (drawing || !model.me) return;
  drawing = requestAnimationFrame(() => {
    drawing = 0;
    if (!model.me || !view) return;
    view.update(model, matcher());
    bar($("bar"), model);
    text($("link"), model.live ? "live" : "not live");
    $("link").dataset.live = model.live;
    document.title = view.title(model);
  });
}

/** matcher is what the filter lets through: every word must stand in one of the texts. */
function matcher() {
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return () => true;
  return (...texts) => {
    const all = texts.filter((t) => t !== null && t !== undefined).join(" ").toLowerCase();
    return words.every((word) => all.includes(word));
  };
}

const told = new Set(["running", "succeeded", "failed", "cancelled", "lost"]);

/** announce tells a screen reader what became of one's own jobs. */
function announce(e) {
  if (e.user === model.me.user && told.has(e.kind)) say(`Job ${e.job}: ${e.kind}`);
}

$("filter").addEventListener("input", redraw);

document.addEventListener("keydown", (e) => {
  if (!model.me || e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
  if (e.key === "/" && !isTyping(e.target)) {
    e.preventDefault();
    $("filter").focus();
    $("filter").select();
  } else if (e.key === "Escape") escape(e.target);
});

/** escape clears the filter, else leaves a job for the list. */
function escape(target) {
  if ($("filter").value || target === $("filter")) {
    $("filter").value = "";
    $("filter").blur();
    redraw();
  } else if (view?.up && !isTyping(target)) location.hash = view.up;
}

setInterval(tickAll, 1000);
setInterval(redraw, 5000); // how old the picture is
enter();
