/** Step 2: the formula, examined while it is written, and the fit. */

import { post } from "../api.js";
import { busy, debounced, h } from "../dom.js";
import { count } from "../numbers.js";
import * as problems from "../problems.js";
import { fit } from "./fit.js";

const HELP = [
  ["y ~ x", "a straight line, the same for all groups (complete pooling)"],
  ["y ~ x + (1 | g)", "each group has an intercept of its own, drawn towards the whole (partial pooling)"],
  ["y ~ x + (x | g)", "each group has an intercept and a slope of its own, correlated"],
  ["y ~ x + (x || g)", "the same without the correlation"],
  ["y ~ x + (1 | a/b)", "groups b within groups a"],
  ["y ~ 0 + g + x", "each group by its own rows alone (no pooling)"],
  ["y ~ a * b", "both and their interaction; a:b is the interaction alone"],
  ["log(y + 0.1) ~ …", "log, exp, sqrt, scale, center, poly, I(x^2), factor …"],
];

/** Return the step; `fitted` hears of a model. */
export function formulaStep({ place, body }, fitted) {
  let dataset = null;
  let latest = 0;
  let sure = false;
  const area = h("textarea", { id: "formula", rows: 2, spellcheck: "false", autocomplete: "off", autocapitalize: "off", "aria-describedby": "formula-said" });
  const said = h("div", { id: "formula-said", class: "verdict-line", role: "status" });
  const chips = h("ul", { class: "chips", "aria-label": "Columns: put into the formula" });
  const method = h("select", { id: "method" }, h("option", { value: "REML" }, "REML"), h("option", { value: "ML" }, "ML (to compare fixed effects)"));
  const weights = h("select", { id: "weights" });
  const factors = h("div", { class: "choices" });
  const button = h("button", { type: "button", id: "fit", disabled: true }, "Fit the model");
  const running = h("div", {});
  const wrong = h("div", { role: "alert" });

  const spec = () => ({
    dataset: dataset.id,
    formula: area.value.trim(),
    method: method.value,
    weights: weights.value || null,
    categorical: [...factors.querySelectorAll(":checked")].map((each) => each.value),
  });

  async function examine() {
    const turn = ++latest;
    if (!dataset || !area.value.trim()) {
      verdict(null);
      return;
    }
    try {
      const found = await post("/v1/models/validate", spec());
      if (turn === latest) verdict(found);
    } catch (error) {
      if (turn === latest) verdict({ valid: false, problems: error.errors?.length ? error.errors : [{ detail: error.message, hint: "" }] });
    }
  }

  function verdict(found) {
    sure = found?.valid === true;
    button.disabled = !sure;
    if (found === null) {
      area.removeAttribute("aria-invalid");
      said.replaceChildren();
    } else if (sure) {
      area.removeAttribute("aria-invalid");
      said.replaceChildren(h("span", { class: "good" }, `✓ ${dimensions(found.dimensions)}`));
    } else {
      area.setAttribute("aria-invalid", "true");
      said.replaceChildren(
        h(
          "div",
          { class: "problem" },
          found.problems.map((each) => h("p", {}, h("strong", {}, problems.sentence(each.detail)), " ", h("span", { class: "hint" }, problems.sentence(each.hint)))),
        ),
      );
    }
  }

  const later = debounced(examine, 350);
  area.addEventListener("input", () => {
    ++latest; // what was said of the formula before is no longer of this one
    button.disabled = true;
    later();
  });
  for (const field of [method, weights, factors]) field.addEventListener("change", examine);
  button.addEventListener("click", () =>
    busy(
      button,
      async () => {
        problems.clear(wrong);
        const model = await fit(spec(), running);
        if (model) await fitted(model);
      },
      (error) => problems.show(wrong, error),
    ),
  );

  body.append(
    h("div", { class: "field" }, h("label", { for: "formula" }, "Formula, as in R’s lme4"), area),
    said,
    chips,
    h(
      "details",
      { class: "help" },
      h("summary", {}, "How formulas are written"),
      h("dl", {}, HELP.flatMap(([formula, meaning]) => [h("dt", {}, formula), h("dd", {}, meaning)])),
    ),
    h(
      "details",
      {},
      h("summary", {}, "Options"),
      h("div", { class: "row" }, h("label", { class: "field grow" }, h("span", {}, "Criterion"), method), h("label", { class: "field grow" }, h("span", {}, "Prior weights"), weights)),
      factors,
    ),
    h("div", { class: "tools" }, button),
    running,
    wrong,
  );

  function use(found) {
    if (dataset?.id === found.id) return;
    dataset = found;
    chips.replaceChildren(...found.columns.map((each) => h("li", {}, chip(each.name))));
    weights.replaceChildren(h("option", { value: "" }, "none"), ...numeric(found).map((each) => h("option", { value: each.name }, each.name)));
    const codes = found.columns.filter((each) => each.kind === "integer");
    factors.replaceChildren(
      ...(codes.length
        ? [
            h("span", { class: "label" }, "Take as factors:"),
            ...codes.map((each) => h("label", {}, h("input", { type: "checkbox", value: each.name }), each.name)),
          ]
        : []),
    );
    area.value = suggestion(found);
    examine();
  }

  function chip(name) {
    const text = /^[A-Za-z.][\w.]*$/.test(name) ? name : `\`${name}\``;
    return h("button", { type: "button", title: `Put ${name} into the formula`, onclick: () => insert(text) }, name);
  }

  function insert(text) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.focus();
    area.dispatchEvent(new Event("input"));
  }

  return {
    place,
    use,
    write(model) {
      area.value = model.formula;
      method.value = model.method;
      weights.value = model.options.weights ?? "";
      for (const box of factors.querySelectorAll("input")) box.checked = model.options.categorical.includes(box.value);
      examine();
    },
  };
}

const numeric = (dataset) => dataset.columns.filter((each) => each.kind === "integer" || each.kind === "number");

/** A first formula for these columns: a number by the group of text with the fewest levels. */
function suggestion(dataset) {
  if (dataset.name === "minnesota-radon") return "log(radon + 0.1) ~ floor + (1 | county)";
  if (dataset.name === "us-radon") return "log(radon + 0.1) ~ floor + (1 | state/county)";
  const quoted = (name) => (/^[A-Za-z.][\w.]*$/.test(name) ? name : `\`${name}\``);
  const response = dataset.columns.find((each) => each.kind === "number") ?? numeric(dataset)[0];
  const group = dataset.columns.find((each) => each.kind === "text" && each.distinct > 1 && each.distinct < dataset.n_rows);
  if (!response) return "";
  return `${quoted(response.name)} ~ 1${group ? ` + (1 | ${quoted(group.name)})` : ""}`;
}

function dimensions(found) {
  const groups = Object.entries(found.groups).map(([name, n]) => `${name} (${count(n)})`);
  const dropped = found.n_dropped ? `, ${count(found.n_dropped)} left out for missing values` : "";
  return `${count(found.n_rows)} rows${dropped}; ${found.parameters} parameters${groups.length ? `; groups: ${groups.join(", ")}` : ""}`;
}
