/** Tables that scroll within themselves and can be scrolled by keys. */

import { h } from "../dom.js";

/** Columns are `{title, cell(row), number}`; the first names the row. */
export function table(caption, columns, rows, { seen = false } = {}) {
  const head = columns.map((column) => h("th", { scope: "col", class: column.number ? "n" : null }, column.title));
  const body = rows.map((row) =>
    h(
      "tr",
      {},
      columns.map((column, at) =>
        at === 0
          ? h("th", { scope: "row", class: column.number ? "n" : null }, column.cell(row))
          : h("td", { class: column.number ? "n" : null }, column.cell(row)),
      ),
    ),
  );
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: seen ? null : "unseen" }, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)),
  );
}

/** Text that is printed in columns. */
export const printed = (label, content) => h("pre", { tabindex: "0", role: "region", "aria-label": label }, content);
