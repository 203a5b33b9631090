/** The model as R prints it, and as tables. */

import { download, text } from "../api.js";
import { busy, h } from "../dom.js";
import { chance, fixed, percent } from "../numbers.js";
import * as problems from "../problems.js";
import { printed, table } from "./table.js";

/** Fill `place`. */
export async function summaryTab(place, model) {
  const content = await text(`/v1/models/${model.id}`);
  const wrong = h("div", { role: "alert" });
  const keep = h("button", { type: "button", class: "plain small" }, "Fixed effects as CSV");
  keep.addEventListener("click", () =>
    busy(
      keep,
      () => download(`/v1/models/${model.id}/fixed-effects`, "fixed-effects.csv", { headers: { Accept: "text/csv" } }),
      (error) => problems.show(wrong, error),
    ),
  );
  place.append(
    h("h3", {}, "As R prints it"),
    printed("The model as R prints it", content),
    h("h3", {}, "Fixed effects"),
    fixedEffects(model),
    model.random_effects.length ? h("h3", {}, "Between groups") : "",
    model.random_effects.length ? randomEffects(model) : "",
    h("h3", {}, "The whole"),
    statistics(model.statistics),
    h("div", { class: "tools" }, keep),
    wrong,
  );
}

function fixedEffects(model) {
  return table(
    "Fixed effects with 95 % intervals",
    [
      { title: "Term", cell: (row) => h("code", {}, row.term) },
      { title: "Estimate", number: true, cell: (row) => fixed(row.estimate, 4) },
      { title: "Std. error", number: true, cell: (row) => fixed(row.std_error, 4) },
      { title: "df", number: true, cell: (row) => fixed(row.df, 1) },
      { title: "t", number: true, cell: (row) => fixed(row.t_value, 2) },
      { title: "p", number: true, cell: (row) => chance(row.p_value) },
      { title: "95 % interval", number: true, cell: (row) => `${fixed(row.lower, 3)} to ${fixed(row.upper, 3)}` },
    ],
    model.fixed_effects,
  );
}

function randomEffects(model) {
  const rows = model.random_effects.flatMap((each) =>
    each.terms.map((term, at) => ({
      group: each.group,
      term,
      sd: each.std_dev[at],
      correlations: each.correlation[at].slice(0, at).map((value) => fixed(value, 2)).join(" "),
    })),
  );
  rows.push({ group: "Residual", term: "", sd: model.residual_std_dev, correlations: "" });
  return table(
    "Standard deviations of random effects",
    [
      { title: "Group", cell: (row) => row.group },
      { title: "Term", cell: (row) => h("code", {}, row.term) },
      { title: "Std. dev.", number: true, cell: (row) => fixed(row.sd, 4) },
      { title: "Variance", number: true, cell: (row) => fixed(row.sd ** 2, 4) },
      { title: "Correlation", number: true, cell: (row) => row.correlations || "–" },
    ],
    rows,
  );
}

function statistics(found) {
  const items = [
    ["AIC", fixed(found.aic, 1)],
    ["BIC", fixed(found.bic, 1)],
    ["Deviance (ML)", fixed(found.deviance, 1)],
    ["DIC", fixed(found.dic, 1)],
    ["Log-likelihood", fixed(found.log_likelihood, 1)],
    ["Variance between groups (ICC)", found.icc === null ? "–" : percent(found.icc)],
    ["R², fixed effects", percent(found.r_squared_marginal)],
    ["R², with groups", percent(found.r_squared_conditional)],
  ];
  return h("dl", { class: "facts" }, items.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}
