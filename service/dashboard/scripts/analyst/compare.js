/** Step 4: models of the same data, side by side. */

import { all, post } from "../api.js";
import { busy, h } from "../dom.js";
import { chance, fixed } from "../numbers.js";
import * as problems from "../problems.js";
import { table } from "./table.js";

/** Return the step; it is hidden until there are two models of the dataset. */
export function compareStep({ place, body }) {
  const list = h("ul", {});
  const button = h("button", { type: "button", id: "compare" }, "Compare");
  const nested = h("input", { type: "checkbox", checked: true });
  const shown = h("div", { id: "comparison", "aria-live": "polite" });
  const wrong = h("div", { role: "alert" });
  const chosen = () => [...list.querySelectorAll(":checked")].map((each) => each.value);
  let picked = null; // what the visitor chose; the two newest until then
  list.addEventListener("change", () => {
    picked = new Set(chosen());
    button.disabled = picked.size < 2;
  });
  place.hidden = true;
  place.classList.add("models");
  body.append(
    h("fieldset", {}, h("legend", {}, "Models of this data"), list),
    h("label", {}, nested, h("span", {}, "Test each against the next smaller one (they must be nested)")),
    h("div", { class: "tools" }, button),
    wrong,
    shown,
  );

  button.addEventListener("click", () =>
    busy(
      button,
      async () => {
        problems.clear(wrong);
        shown.replaceChildren();
        shown.replaceChildren(...told(await post("/v1/comparisons", { models: chosen(), test: nested.checked })));
      },
      (error) => problems.show(wrong, error),
    ),
  );

  async function refresh(dataset) {
    try {
      const models = (await all("/v1/models?limit=100", 300)).filter((each) => each.dataset === dataset);
      place.hidden = models.length < 2;
      if (picked && !models.some((each) => picked.has(each.id))) picked = null;
      list.replaceChildren(...models.map((each, at) => option(each, picked ? picked.has(each.id) : at < 2)));
      button.disabled = chosen().length < 2;
      shown.replaceChildren();
    } catch (error) {
      place.hidden = false;
      problems.show(wrong, error);
    }
  }
  return { place, refresh };
}

function option(model, checked) {
  return h(
    "li",
    {},
    h("label", {}, h("input", { type: "checkbox", value: model.id, checked }), h("span", {}, h("code", {}, model.formula), h("small", {}, ` ${model.method} `), h("a", { href: `#/analyst/${model.id}` }, "read"))),
  );
}

function told(found) {
  const best = Math.min(...found.items.map((each) => each.aic));
  return [
    table(
      `Comparison by ${found.method}`,
      [
        { title: "Model", cell: (row) => h("code", {}, row.formula) },
        { title: "Parameters", number: true, cell: (row) => String(row.df) },
        { title: "AIC", number: true, cell: (row) => (row.aic === best ? h("b", {}, `${fixed(row.aic, 1)} ◂`) : fixed(row.aic, 1)) },
        { title: "BIC", number: true, cell: (row) => fixed(row.bic, 1) },
        { title: "Deviance", number: true, cell: (row) => fixed(row.deviance, 1) },
        { title: "χ²", number: true, cell: (row) => (row.test ? fixed(row.test.chisq, 2) : "–") },
        { title: "df", number: true, cell: (row) => (row.test ? String(row.test.df) : "–") },
        { title: "p", number: true, cell: (row) => (row.test ? chance(row.test.mixture_p_value ?? row.test.p_value) : "–") },
      ],
      found.items,
    ),
    h("p", { class: "fine" }, `◂ lowest AIC. Compared by ${found.method}.`, found.refitted.length ? ` ${found.refitted.length} were fitted by REML and, as their fixed effects differ, again by ML for this.` : ""),
  ];
}
