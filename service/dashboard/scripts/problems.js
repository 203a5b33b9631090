/** Problems in plain words, where they belong. */

import { Failure } from "./api.js";
import { h, say } from "./dom.js";

/** Show what went wrong in `place`; what is not a problem of the service goes to the console too. */
export function show(place, error) {
  if (error.name === "AbortError") return;
  const problem = error instanceof Failure ? error.problem : unforeseen(error);
  place.replaceChildren(box(problem));
  say(problem.detail || problem.title);
}

export function clear(place) {
  place.replaceChildren();
}

/** A box with the problem, each of its parts, and what to do. */
export function box(problem) {
  const items = problem.errors ?? [];
  const alone = items.length === 1;
  return h(
    "div",
    { class: "problem" },
    h("strong", {}, problem.title),
    h("p", {}, alone ? sentence(items[0].detail) : problem.detail),
    alone ? hint(items[0]) : h("ul", {}, items.map((item) => h("li", {}, sentence(item.detail), " ", hint(item)))),
    problem.retryable ? h("p", {}, "The same may succeed in a moment: try again.") : null,
    problem.request_id ? h("small", {}, `Request ${problem.request_id}`) : null,
  );
}

/** Text that begins with a capital and ends with a point. */
export function sentence(text) {
  if (!text) return "";
  const begun = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

function hint(item) {
  return item.hint ? h("span", { class: "hint" }, sentence(item.hint)) : null;
}

function unforeseen(error) {
  console.error(error);
  return { title: "This page failed", detail: String(error.message ?? error), errors: [] };
}
