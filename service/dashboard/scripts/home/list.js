/** The counties as a table: found by name, put in order by any column, chosen by a button. */

import { h } from "../dom.js";
import { percent, plain, short, unitName } from "../numbers.js";

/** Fill `place` with `rows` ({fips, name, n, median, share}); `chosen` hears of a county. */
export function countyList(place, chosen) {
  const find = h("input", { type: "search", id: "find-county", autocomplete: "off", spellcheck: "false" });
  const head = h("tr", {});
  const body = h("tbody", {});
  const none = h("p", { class: "fine", role: "status" });
  let rows = [];
  let marked = null;
  let by = "name";
  let down = false;
  let lines = new Map();

  function show() {
    const wanted = plain(find.value);
    const found = rows.filter((row) => plain(row.name).includes(wanted)).sort(order);
    lines = new Map(found.map((row) => [row.fips, line(row)]));
    body.replaceChildren(...lines.values());
    mark(marked);
    none.textContent = found.length ? "" : "No county of this name.";
    for (const cell of head.children) {
      cell.setAttribute("aria-sort", cell.dataset.by === by ? (down ? "descending" : "ascending") : "none");
    }
  }

  const order = (a, b) => {
    const after = by === "name" ? a.name.localeCompare(b.name) : a[by] - b[by];
    return down ? -after : after;
  };

  function line(row) {
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, h("button", { type: "button", class: "link", onclick: () => chosen(row.fips) }, row.name)),
      h("td", { class: "n" }, row.n === 0 ? "none" : String(row.n)),
      h("td", { class: "n" }, short(row.median)),
      h("td", { class: "n" }, percent(row.share)),
    );
  }

  function mark(fips) {
    marked = fips;
    for (const [code, row] of lines) row.querySelector("button").setAttribute("aria-pressed", code === fips ? "true" : "false");
  }

  function column(name, title, number) {
    const button = h("button", { type: "button", class: "link" }, title);
    button.addEventListener("click", () => {
      down = by === name ? !down : name !== "name"; // of numbers the greatest are looked for
      by = name;
      show();
    });
    return h("th", { scope: "col", class: number ? "n" : null, "data-by": name }, button);
  }

  find.addEventListener("input", show);
  place.replaceChildren(
    h("label", { class: "field" }, h("span", {}, "Find a county"), find),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Counties" },
      h("table", {}, h("caption", { class: "unseen" }, "What is believed of such homes, county by county"), h("thead", {}, head), body),
    ),
    none,
  );

  return {
    clear() {
      rows = [];
      lines = new Map();
      body.replaceChildren();
      none.textContent = "The counties are on their way.";
    },
    fill(found, unit, action) {
      rows = found;
      head.replaceChildren(
        column("name", "County", false),
        column("n", "Homes tested", true),
        column("median", `Median, ${unitName(unit)}`, true),
        column("share", `Above ${short(action)}`, true),
      );
      show();
    },
    mark,
  };
}
