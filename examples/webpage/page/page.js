// Order a picture, follow its job by a signed link, and show it by another. Nothing
// here knows a token: a link is good for one thing of one job, for a time.

const $ = (id) => document.getElementById(id);
let following = null; // the stream of the last order

$("order").addEventListener("submit", async (event) => {
  event.preventDefault();
  following?.close();
  show("Ordering…");
  try {
    follow(await order($("words").value));
  } catch (error) {
    fail(error.message);
  }
});

/** order asks the backend for a job; it answers the links. */
async function order(words) {
  const answer = await fetch("pictures", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ words }),
  }).catch(() => {
    throw new Error("This page's server does not answer. Try again.");
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error ?? `This page's server answered ${answer.status}.`);
  return told;
}

/** follow shows what happens to a job until it has ended. */
function follow(links) {
  const source = new EventSource(links.events);
  following = source;
  source.addEventListener("update", ({ data }) => update(JSON.parse(data)));
  source.addEventListener("state", ({ data }) => {
    const { kind, text } = JSON.parse(data);
    if (!["succeeded", "failed", "cancelled"].includes(kind)) return;
    source.close(); // or the browser would ask again, for ever
    if (kind === "succeeded") reveal(links.picture);
    else fail(kind === "failed" ? `It could not be drawn. ${text}` : `It is not drawn: ${text}.`);
  });
  source.addEventListener("error", async () => {
    if (source !== following) return;
    if (source.readyState === EventSource.CONNECTING) show("The connection is lost; trying again…");
    else fail(await reason(links.events));
  });
}

/** update says where a job stands: its place while it waits, how far it is while it runs. */
function update({ state, position, position_over: over, progress, text }) {
  if (state === "queued") show(place(position, over));
  if (state === "leased") show("Starting…");
  if (state === "running") {
    show(text ? `Drawing; ${text}` : "Drawing…", progress?.total ? progress.done / progress.total : undefined);
  }
}

function place(position, over) {
  if (!position || position === 1) return "Next in the queue.";
  return over ? `Waiting, behind more than ${position - 1} others.` : `Waiting, ${position - 1} ahead in the queue.`;
}

/** reveal shows the picture. An <img> needs no permission to read it. */
function reveal(link) {
  const picture = $("picture");
  picture.onload = () => { show("Here it is."); picture.hidden = false; };
  picture.onerror = async () => fail(await reason(link));
  picture.alt = `a picture of: ${$("words").value}`;
  picture.src = link;
}

/** reason asks why a link does not work: streams and images are not told, who fetches is. */
async function reason(link) {
  const leave = new AbortController();
  try {
    const answer = await fetch(link, { signal: leave.signal });
    if (answer.ok) return "The picture cannot be shown.";
    const problem = await answer.json();
    return `${problem.title}: ${problem.detail}.`;
  } catch {
    return "The server of the pictures does not answer. Try again.";
  } finally {
    leave.abort();
  }
}

function show(words, done) {
  $("status").textContent = words;
  $("status").className = "";
  $("bar").hidden = done === undefined;
  $("bar").value = done ?? 0;
  $("picture").hidden = true;
}

function fail(words) {
  show(words);
  $("status").className = "error";
}
