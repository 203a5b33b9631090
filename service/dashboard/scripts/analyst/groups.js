/** The effects of every group, page by page. */

import { download, get } from "../api.js";
import { busy, h } from "../dom.js";
import { count, fixed, percent } from "../numbers.js";
import * as problems from "../problems.js";
import { table } from "./table.js";

const PAGE = 25;

/** Fill `place`. */
export async function groupsTab(place, model) {
  const select = h("select", { id: "group" }, model.random_effects.map((each) => h("option", {}, each.group)));
  const shown = h("div", {});
  const keep = h("button", { type: "button", class: "plain small" }, "All as CSV");
  const path = () => `/v1/models/${model.id}/effects/${encodeURIComponent(select.value)}`;
  keep.addEventListener("click", () =>
    busy(keep, () => download(path(), `${select.value}.csv`, { headers: { Accept: "text/csv" } }), (error) => problems.show(shown, error)),
  );
  select.addEventListener("change", () => load([]));
  place.append(
    h("div", { class: "row" }, h("label", { class: "field grow" }, h("span", {}, "Grouping factor"), select), keep),
    shown,
  );

  async function load(before, cursor = null) {
    try {
      const page = await get(`${path()}?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      const rows = [...before, ...page.items];
      const more = h("button", { type: "button", class: "plain small", onclick: () => load(rows, page.next) }, `Show more (${count(page.count - rows.length)} left)`);
      shown.replaceChildren(listed(page, rows), page.next ? more : "");
    } catch (error) {
      problems.show(shown, error);
    }
  }
  await load([]);
}

function listed(page, rows) {
  const weighed = rows.some((row) => row.pooling_weight !== null && row.pooling_weight !== undefined);
  const own = rows.some((row) => row.no_pooling);
  return table(
    `Effects of ${page.group}`,
    [
      { title: page.group, cell: (row) => row.level },
      { title: "Rows", number: true, cell: (row) => count(row.n) },
      ...page.terms.flatMap((term) => [
        { title: `Line: ${term}`, number: true, cell: (row) => value(row.coefficients[term]) },
        { title: `Effect: ${term}`, number: true, cell: (row) => value(row.effects[term]) },
      ]),
      ...(own ? [{ title: "By own rows", number: true, cell: (row) => (row.no_pooling ? value(row.no_pooling) : "–") }] : []),
      ...(weighed ? [{ title: "Weight of own", number: true, cell: (row) => percent(row.pooling_weight) }] : []),
    ],
    rows,
  );
}

const value = (found) => (found ? `${fixed(found.estimate, 3)} ± ${fixed(found.std_error, 3)}` : "–");
