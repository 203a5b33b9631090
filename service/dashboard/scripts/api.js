/** Requests to the service; what goes wrong is thrown as a `Failure` that can be shown. */

import { askForKey, credentials } from "./key.js";

/** A problem of the service (RFC 9457), or one on the way to it. */
export class Failure extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
    this.errors = problem.errors ?? [];
    this.status = problem.status ?? 0;
  }
}

/** Ask; the answer is a `Response` that is fine. A missing key is asked for, and the request repeated. */
export async function ask(path, { method = "GET", json, body, headers = {}, signal } = {}) {
  for (;;) {
    const answer = await sent(path, {
      method,
      signal,
      headers: { ...(json === undefined ? {} : { "Content-Type": "application/json" }), ...headers, ...credentials() },
      body: json === undefined ? body : JSON.stringify(json),
    });
    if (answer.ok) return answer;
    if (answer.status !== 401) throw await failure(answer);
    await askForKey((await failure(answer)).message);
  }
}

export const get = async (path, options) => (await ask(path, options)).json();
export const post = async (path, json, options) => (await ask(path, { method: "POST", json, ...options })).json();
export const text = async (path, options = {}) =>
  (await ask(path, { ...options, headers: { Accept: "text/plain", ...options.headers } })).text();

/** All items of a list that comes in pages, up to `most`. */
export async function all(path, most = 5000) {
  const items = [];
  let cursor = null;
  do {
    const join = path.includes("?") ? "&" : "?";
    const page = await get(cursor === null ? path : `${path}${join}cursor=${encodeURIComponent(cursor)}`);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null && items.length < most);
  return items;
}

/** Send a file and hear how much of it has gone (0 to 1). */
export async function upload(path, file, media, progress) {
  for (;;) {
    const { status, content } = await transferred(path, file, media, progress);
    if (status >= 200 && status < 300) return content;
    if (status !== 401) throw new Failure(content ?? lost());
    await askForKey(content?.detail ?? "");
  }
}

/** Keep an answer as a file of the visitor's. */
export async function download(path, name, options) {
  const content = await (await ask(path, options)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function sent(path, options) {
  const early = options.method === "GET" ? taken(path) : null;
  try {
    return (await early) ?? (await fetch(path, options));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(lost());
  }
}

/** What was asked for before this script was there, once. */
function taken(path) {
  const found = window.early?.get(path);
  window.early?.delete(path);
  return found;
}

async function failure(answer) {
  try {
    return new Failure(await answer.json());
  } catch {
    return new Failure({ status: answer.status, title: "The answer cannot be read", detail: `HTTP ${answer.status}` });
  }
}

function transferred(path, file, media, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Content-Type", media);
    for (const [name, value] of Object.entries(credentials())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener("load", () => resolve({ status: request.status, content: request.response }));
    request.addEventListener("error", () => reject(new Failure(lost())));
    request.send(file);
  });
}

const lost = () => ({
  title: "The service cannot be reached",
  detail: "No answer came. It may be starting, or the connection is lost.",
  errors: [],
  retryable: true,
});
