/** The analyst's door: data, formula, model, comparison, one step after another. */

import { get } from "../api.js";
import { find, h } from "../dom.js";
import * as problems from "../problems.js";
import { compareStep } from "./compare.js";
import { dataStep } from "./data.js";
import { formulaStep } from "./formula.js";
import { modelStep } from "./model.js";

let steps = null;

/** Show the door; with the id of a model, that model. */
export async function openAnalyst([id] = []) {
  steps ??= begin();
  await steps.ready;
  if (id && id !== steps.model.id) await showModel(id);
}

function begin() {
  const model = modelStep(card(3, "Read the model"));
  const compare = compareStep(card(4, "Compare models"));
  const formula = formulaStep(card(2, "Write the formula"), async (fitted) => {
    await model.show(fitted);
    history.replaceState(null, "", `#/analyst/${fitted.id}`);
    model.place.scrollIntoView({ block: "start" });
    await compare.refresh(fitted.dataset);
  });
  const data = dataStep(card(1, "Choose or upload data"), async (dataset) => {
    formula.use(dataset);
    await compare.refresh(dataset.id);
  });
  find("#steps").replaceChildren(data.place, formula.place, model.place, compare.place);
  return { data, formula, model, compare, ready: data.refresh() };
}

async function showModel(id) {
  try {
    const fitted = await get(`/v1/models/${encodeURIComponent(id)}`);
    await steps.data.choose(fitted.dataset, { quietly: true });
    steps.formula.write(fitted);
    await steps.model.show(fitted);
    await steps.compare.refresh(fitted.dataset);
    steps.model.place.scrollIntoView({ block: "start" });
  } catch (error) {
    steps.model.place.hidden = false;
    problems.show(steps.model.body, error);
  }
}

function card(number, title) {
  const body = h("div", {});
  const place = h(
    "section",
    { class: "card", "aria-labelledby": `step-${number}` },
    h("div", { class: "step-head" }, h("span", { class: "step-number", "aria-hidden": "true" }, String(number)), h("h2", { id: `step-${number}` }, title)),
    body,
  );
  return { place, body };
}
