// Requests to the server: the public interface, as everybody else uses it. The
// token is a header of each request, kept for this tab only, and never part of
// a URL.
const KEY = "mlq.token";

/** Problem is a refusal in the server's words, or that it did not answer. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `the server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.body = body;
  }

  /** away: nobody answered, so what is shown may be old. */
  get away() {
    return this.status === 0;
  }
}

export const session = {
  get token() {
    return sessionStorage.getItem(KEY) ?? "";
  },
  set token(value) {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  },
};

/** onUnauthorized is called when the server does not know the token (any more). */
export const hooks = { onUnauthorized: () => {} };

/** open sends a request and returns its response, or throws a Problem. */
export async function open(method, path, { signal, headers, body } = {}) {
  const all = new Headers(headers);
  if (session.token) all.set("Authorization", `Bearer ${session.token}`);
  if (body !== undefined) all.set("Content-Type", "application/json");
  const options = { method, headers: all, signal, cache: "no-store", credentials: "omit", redirect: "error" };
  if (body !== undefined) options.body = JSON.stringify(body);
  let response;
  try {
    response = await fetch(path, options);
  } catch (err) {
    if (err.name === "AbortError") throw err;
    throw new Problem(0, { detail: "the server does not answer" });
  }
  if (response.ok) return response;
  const problem = await readProblem(response);
  if (problem.status === 401) hooks.onUnauthorized(problem);
  throw problem;
}

async function readProblem(response) {
  try {
    if (/json/.test(response.headers.get("Content-Type") ?? "")) return new Problem(response.status, await response.json());
  } catch {
    // no JSON after all: the status has to do
  }
  const proxy = response.status >= 502 && response.status <= 504; // answered in the server's place
  return new Problem(proxy ? 0 : response.status, { detail: `status ${response.status}` });
}

/** get reads JSON. */
export async function get(path, options) {
  return read(await open("GET", path, options));
}

/** post sends JSON, or nothing, and reads JSON. */
export async function post(path, body) {
  return read(await open("POST", path, { body }));
}

/** remove deletes and reads JSON. */
export async function remove(path) {
  return read(await open("DELETE", path));
}

async function read(response) {
  try {
    return await response.json();
  } catch (err) {
    if (err.name === "AbortError") throw err;
    throw new Problem(0, { detail: "the answer broke off" });
  }
}
