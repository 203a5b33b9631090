/** The answer for one house: a sentence, a drawing, the decision, what it rests on. */

import { get } from "../api.js";
import { find, h } from "../dom.js";
import { count, dollars, percent, short, unitName } from "../numbers.js";
import * as problems from "../problems.js";
import { draw } from "../vega.js";
import { density } from "./density.js";

const HEADS = {
  measure: "Make a long-term test",
  remediate: "Have it remediated",
  nothing: "Nothing more is needed by these costs",
};
const WHYS = {
  measure: "A test is cheap beside what it may save: it tells whether yours is one of the homes where remediation pays.",
  remediate: "The level is so likely high that acting at once is cheaper than waiting a year for a test.",
  nothing: "The level is so likely low that, at these costs, neither a test nor remediation is expected to pay for itself.",
};
const WAYS = { remediate: "Remediate now", measure: "Test first", nothing: "Do nothing" };

/** Return the answer in one sentence, `found` being an assessment. */
export function verdict(found) {
  return h(
    "section",
    { class: `card verdict ${found.decision.recommendation}`, "aria-labelledby": "verdict" },
    h("p", { class: "place" }, `${found.county.title}, ${found.floor === "basement" ? "with a basement" : "without a basement"}`),
    h("h2", { id: "verdict" }, HEADS[found.decision.recommendation]),
    h("p", { class: "sentence" }, units(found.summary)),
    h("a", { href: "#/home", class: "onward", onclick: onward }, "The numbers and the reasons ↓"),
  );
}

/** Return what it rests on: the distribution against `action`, the decision, the evidence, advice. */
export function grounds(found, action) {
  const unit = unitName(found.unit);
  return [
    h(
      "section",
      { class: "card", "aria-labelledby": "levels" },
      h("h2", { id: "levels" }, found.before_measurement ? "The level in your home" : "The level in a home like yours"),
      h(
        "div",
        { class: "levels" },
        h("div", {}, density(found.distribution, found.before_measurement, action, found.unit), keys(found)),
        facts(found, unit),
      ),
    ),
    h("div", { class: "pair" }, decision(found.decision, unit), evidence(found, unit)),
    advice(found),
  ];
}

function onward(event) {
  event.preventDefault();
  find("#grounds").focus({ preventScroll: true });
  find("#grounds").scrollIntoView({ block: "start" });
}

function keys(found) {
  return h(
    "ul",
    { class: "keys" },
    h("li", {}, h("i", { class: "key-median" }), "median"),
    h("li", {}, h("i", { class: "key-action" }), "action level"),
    h("li", {}, h("i", { class: "key-above" }), "above it"),
    found.before_measurement ? h("li", {}, h("i", { class: "key-earlier" }), "before your test") : null,
  );
}

function facts(found, unit) {
  const [half, most] = found.distribution.intervals;
  const range = (interval) => `${short(interval.lower)} – ${short(interval.upper)} ${unit}`;
  const levels = [
    fact("Median", `${short(found.distribution.median)} ${unit}`),
    fact("Mean", `${short(found.distribution.mean)} ${unit}`),
    fact("Half of such homes", range(half)),
    fact("95 of 100 such homes", range(most)),
  ];
  const chances = found.distribution.exceedance.map((each) =>
    fact(`Above ${short(each.threshold)} ${unit}`, percent(each.probability), units(each.meaning.replace("EPA action level; your action level", "EPA action level"))),
  );
  return h("div", {}, h("dl", { class: "facts" }, levels), h("dl", { class: "facts" }, chances));
}

function decision(found, unit) {
  const losses = Object.entries(found.expected_loss);
  const most = Math.max(...losses.map(([, loss]) => loss));
  return h(
    "section",
    { class: "card", "aria-labelledby": "why" },
    h("h3", { id: "why" }, "Why"),
    h("p", {}, WHYS[found.recommendation]),
    h("p", {}, "Expected cost over 30 years, the harm of radon counted in dollars:"),
    h(
      "ul",
      { class: "bars" },
      ["measure", "nothing", "remediate"].map((way) =>
        h(
          "li",
          { class: way === found.recommendation ? "best" : "" },
          h("span", {}, WAYS[way]),
          h("progress", { max: most, value: found.expected_loss[way], "aria-hidden": "true" }),
          h("b", {}, dollars(found.expected_loss[way])),
        ),
      ),
    ),
    h(
      "p",
      {},
      found.value_of_test > 0
        ? `A long-term test is worth ${dollars(found.value_of_test)} more than it costs.`
        : `A long-term test costs ${dollars(-found.value_of_test)} more than it is expected to save.`,
      found.remediate_if_above === null
        ? ""
        : ` Once made, remediate if it reads more than ${short(found.remediate_if_above, 2)} ${unit}: the chance of that is ${percent(found.probability_remediate)}.`,
    ),
  );
}

function evidence(found, unit) {
  const { evidence: known } = found;
  const own = Math.round(100 * known.own_weight);
  const none = known.n === 0;
  return h(
    "section",
    { class: "card", "aria-labelledby": "rests" },
    h("h3", { id: "rests" }, "What it rests on"),
    h(
      "p",
      {},
      none
        ? `The survey has no homes of this county. The answer is borrowed from all others, through ${found.basis === "uranium" ? "the uranium in its ground" : "its state"}.`
        : `The survey has ${count(known.n)} ${known.n === 1 ? "home" : "homes"} of this county. What is particular to it comes to ${own} % from them; the rest is borrowed from all others, through floor and uranium.`,
    ),
    h(
      "div",
      { class: "share", role: "img", "aria-label": `${own} % own homes, ${100 - own} % borrowed` },
      h("progress", { max: 100, value: own, "aria-hidden": "true" }),
      h("div", { class: "ends" }, h("span", {}, `own homes ${own} %`), h("span", {}, `borrowed ${100 - own} %`)),
    ),
    h(
      "table",
      { class: "plain" },
      h("caption", { class: "unseen" }, "The county’s readings beside the estimate"),
      h(
        "tbody",
        {},
        row("Typical level of such homes here", `${short(known.typical.median)} ${unit}`, `${short(known.typical.lower)} – ${short(known.typical.upper)}`),
        none ? null : row("Raw mean, all homes tested", `${short(known.raw.mean)} ${unit}`, `${count(known.raw.n)} homes`),
        known.raw_this_floor.n === 0
          ? null
          : row("Raw mean, this floor", `${short(known.raw_this_floor.mean)} ${unit}`, `${count(known.raw_this_floor.n)} homes`),
      ),
    ),
    h("p", { class: "fine" }, "Model: ", h("code", {}, found.model.formula), " · ", h("a", { href: `#/analyst/${found.model.id}` }, "look at it")),
    found.model.scope === "minnesota" ? counties(found.model) : null,
  );
}

/** The counties against their uranium, drawn when it is opened. */
function counties(model) {
  const paper = h("div", { class: "paper", tabindex: "0", role: "region", "aria-label": "The counties against their uranium" });
  const part = h("details", { id: "counties-part" }, h("summary", {}, "See all counties against their uranium"), paper);
  part.addEventListener("toggle", async () => {
    if (!part.open || paper.dataset.drawn) return;
    try {
      const width = Math.max(Math.min(paper.clientWidth - 110, 420), 160);
      const query = new URLSearchParams({ width, title: "Counties and their uranium", x_title: "uranium (log ppm)" });
      await draw(paper, await get(`${model.href}/plots/intercepts?${query}`));
      paper.dataset.drawn = "intercepts";
    } catch (error) {
      problems.show(paper, error);
    }
  });
  return part;
}

function advice(found) {
  return h(
    "section",
    { class: "card advice", "aria-labelledby": "advised" },
    h("h3", { id: "advised" }, "What EPA and WHO advise"),
    h("ul", {}, found.advice.map((line) => h("li", {}, units(line)))),
    h(
      "details",
      {},
      h("summary", {}, "What these numbers take for granted"),
      h("ul", {}, found.assumptions.map((line) => h("li", {}, units(line)))),
    ),
  );
}

const units = (text) => text.replaceAll("Bq/m3", "Bq/m³");
const fact = (name, value, more) => h("div", {}, h("dt", {}, name, more ? h("small", {}, more) : null), h("dd", {}, value));
const row = (name, value, more) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value), h("td", {}, more));
