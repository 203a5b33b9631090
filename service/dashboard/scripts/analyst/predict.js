/** Predictions for new rows: from fields, or from a file. */

import { all, ask, download, Failure, get } from "../api.js";
import { busy, h, say } from "../dom.js";
import { fixed, percent, short } from "../numbers.js";
import * as problems from "../problems.js";
import { table } from "./table.js";

const MOST_LEVELS = 1000;

/** Fill `place`. */
export async function predictTab(place, model) {
  const columns = await predictors(model);
  const threshold = h("input", { id: "threshold", type: "number", step: "any", inputmode: "decimal" });
  const fields = await Promise.all(columns.map((column) => field(column, model)));
  const wrong = h("div", { role: "alert" });
  const shown = h("div", { id: "predictions", "aria-live": "polite" });
  const rows = [];
  const add = h("button", { type: "submit" }, "Predict");
  const form = h(
    "form",
    { novalidate: true },
    h("div", { class: "new-row" }, fields.map((each) => each.label), model.response.invertible ? h("label", { class: "field" }, h("span", {}, `Chance that ${model.response.column} is above`), threshold) : null),
    h("div", { class: "tools" }, add, h("button", { type: "button", class: "plain", onclick: clear }, "Clear")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(add, predict, (error) => problems.show(wrong, error));
  });

  async function predict() {
    problems.clear(wrong);
    const row = Object.fromEntries(fields.map((each) => [each.name, each.value()]));
    const thresholds = threshold.value === "" ? [] : [Number(threshold.value)];
    const answer = await ask(`/v1/models/${model.id}/predictions`, { method: "POST", json: { rows: [row], thresholds } });
    rows.unshift({ row, found: (await answer.json()).items[0] });
    shown.replaceChildren(listed(rows, model));
    say("Predicted");
  }

  function clear() {
    rows.length = 0;
    shown.replaceChildren();
    problems.clear(wrong);
  }

  place.append(h("h3", {}, "One new row"), form, wrong, shown, h("h3", {}, "A file of new rows"), ...fromFile(model, columns));
}

function listed(rows, model) {
  const outcome = model.response.invertible && model.response.column !== model.response.expression;
  const range = (interval) => `${short(interval.lower)} to ${short(interval.upper)}`;
  return table(
    "Predictions",
    [
      { title: "New row", cell: ({ row }) => Object.entries(row).map(([key, value]) => `${key} ${value}`).join(", ") },
      { title: model.response.expression, number: true, cell: ({ found }) => `${fixed(found.estimate, 3)} ± ${fixed(found.std_error, 3)}` },
      { title: "95 % of new rows", number: true, cell: ({ found }) => range(found.prediction_interval) },
      ...(outcome
        ? [
            { title: `Median ${model.response.column}`, number: true, cell: ({ found }) => short(found.outcome.median) },
            { title: `95 % of ${model.response.column}`, number: true, cell: ({ found }) => range(found.outcome.prediction_interval) },
          ]
        : []),
      {
        title: "Above",
        number: true,
        cell: ({ found }) => {
          const [above] = found.outcome?.exceedance ?? [];
          return above ? `${short(above.threshold)}: ${percent(above.probability)}` : "–";
        },
      },
      { title: "Note", cell: ({ found }) => (found.new_levels.length ? `new ${found.new_levels.join(", ")}: from the whole` : "") },
    ],
    rows,
  );
}

function fromFile(model, columns) {
  const wrong = h("div", { role: "alert" });
  const picker = h("input", { type: "file", id: "new-rows", accept: ".csv" });
  const button = h("button", { type: "button" }, "Predict and keep as CSV");
  button.addEventListener("click", () =>
    busy(
      button,
      async () => {
        problems.clear(wrong);
        const [file] = picker.files;
        if (!file) throw new Failure({ title: "Which file?", detail: "Choose a CSV file with a row for each prediction.", errors: [] });
        await download(`/v1/models/${model.id}/predictions`, "predictions.csv", { method: "POST", body: file, headers: { "Content-Type": "text/csv", Accept: "text/csv" } });
        say("Predictions are kept as predictions.csv");
      },
      (error) => problems.show(wrong, error),
    ),
  );
  return [
    h("div", { class: "row" }, h("label", { class: "field grow" }, h("span", {}, `CSV with the columns ${columns.map((each) => each.name).join(", ")}`), picker), button),
    wrong,
  ];
}

/** The columns of the data that the right side of the formula names. */
async function predictors(model) {
  const { columns } = await get(`/v1/datasets/${model.dataset}`);
  const right = model.formula.slice(model.formula.indexOf("~") + 1);
  const names = new Set([...right.matchAll(/`([^`]+)`|[A-Za-z.][\w.]*/g)].map(([whole, quoted]) => quoted ?? whole));
  return columns.filter((each) => names.has(each.name));
}

async function field(column, model) {
  const numeric = column.kind === "integer" || column.kind === "number";
  const grouping = column.name in model.groups;
  const input = h("input", {
    id: `new-${column.name}`,
    ...(numeric && !grouping ? { type: "number", step: "any", inputmode: "decimal" } : { list: `levels-${column.name}`, autocomplete: "off" }),
    value: numeric && !grouping ? Number((column.kind === "integer" ? column.minimum : column.mean).toPrecision(4)) : "",
  });
  let options = null;
  if (grouping) {
    const levels = await all(`/v1/models/${model.id}/effects/${encodeURIComponent(column.name)}?limit=${MOST_LEVELS}`, MOST_LEVELS);
    options = h("datalist", { id: `levels-${column.name}` }, levels.map((each) => h("option", { value: each.level })));
    input.value = levels[0]?.level ?? "";
  }
  return {
    name: column.name,
    label: h("label", { class: "field" }, h("span", {}, column.name), input, options),
    value: () => (numeric && input.value !== "" ? Number(input.value) : input.value === "" ? null : input.value),
  };
}
