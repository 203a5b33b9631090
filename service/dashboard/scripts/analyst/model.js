/** Step 3: a fitted model, in tabs. */

import { h } from "../dom.js";
import { count, short } from "../numbers.js";
import * as problems from "../problems.js";
import { codeTab } from "./code.js";
import { groupsTab } from "./groups.js";
import { plotsTab } from "./plots.js";
import { predictTab } from "./predict.js";
import { summaryTab } from "./summary.js";

const TABS = [
  ["summary", "Summary", summaryTab],
  ["groups", "Groups", groupsTab],
  ["plots", "Plots", plotsTab],
  ["predict", "Predict", predictTab],
  ["code", "Code", codeTab],
];

/** Return the step; it is hidden until there is a model. */
export function modelStep({ place, body }) {
  const step = { place, body, id: null, show };
  place.hidden = true;
  place.id = "model";

  async function show(model) {
    step.id = model.id;
    place.hidden = false;
    const panel = h("div", { role: "tabpanel", id: "panel", tabindex: "0" });
    const tabs = TABS.filter(([name]) => name !== "groups" || model.random_effects.length > 0);
    const buttons = tabs.map(([name, title, make]) =>
      h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "panel", onclick: () => open(name, make) }, title),
    );
    const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Model" }, buttons);
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const at = buttons.indexOf(document.activeElement);
      const next = buttons[(at + step + buttons.length) % buttons.length];
      next.focus();
      next.click();
    });

    async function open(name, make) {
      for (const button of buttons) {
        const own = button.id === `tab-${name}`;
        button.setAttribute("aria-selected", own ? "true" : "false");
        button.tabIndex = own ? 0 : -1;
      }
      panel.setAttribute("aria-labelledby", `tab-${name}`);
      const content = h("div", {});
      panel.replaceChildren(content);
      try {
        await make(content, model);
      } catch (error) {
        problems.show(content, error);
      }
    }

    body.replaceChildren(told(model), warnings(model), list, panel);
    await open(tabs[0][0], tabs[0][2]);
  }
  return step;
}

function told(model) {
  const groups = Object.entries(model.groups).map(([name, n]) => `${name} (${count(n)})`);
  return h(
    "div",
    { class: "told-model" },
    h("code", {}, model.formula),
    h("span", {}, model.method),
    ...options(model.options).map((each) => h("span", {}, each)),
    h("span", {}, `${count(model.n_rows)} rows${model.n_dropped ? `, ${count(model.n_dropped)} left out` : ""}`),
    groups.length ? h("span", {}, groups.join(", ")) : null,
    h("span", {}, `fitted in ${short(model.provenance.elapsed_ms)} ms`),
  );
}

/** What a formula does not say of a model. */
function options({ weights, offset, categorical, contrasts }) {
  return [
    ...(weights === null ? [] : [`weighted by ${weights}`]),
    ...(offset === null ? [] : [`offset ${offset}`]),
    ...(categorical.length ? [`${categorical.join(", ")} as ${categorical.length === 1 ? "a factor" : "factors"}`] : []),
    ...Object.entries(contrasts).map(([name, coding]) => `${coding} contrasts of ${name}`),
  ];
}

function warnings(model) {
  const { convergence, dropped_terms: dropped } = model;
  const lines = [
    ...(convergence.converged ? [] : ["The search did not find an optimum: do not trust these numbers."]),
    ...(convergence.boundary ? ["A variance is at zero: the data show no variation between these groups beyond chance."] : []),
    ...(dropped.length ? [`Left out, because others say the same: ${dropped.join(", ")}.`] : []),
    ...convergence.messages.map(problems.sentence),
  ];
  return lines.length ? h("div", { class: "warning" }, lines.map((line) => h("p", {}, line))) : h("div", {});
}
