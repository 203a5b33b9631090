/** Step 1: a dataset that is kept, or a file that is looked at and then kept. */

import { all, get, upload } from "../api.js";
import { busy, h, say } from "../dom.js";
import { bytes, count, short } from "../numbers.js";
import * as problems from "../problems.js";
import { table } from "./table.js";

const MEDIA = {
  csv: "text/csv",
  txt: "text/csv",
  tsv: "text/tab-separated-values",
  parquet: "application/vnd.apache.parquet",
  arrow: "application/vnd.apache.arrow.stream",
  arrows: "application/vnd.apache.arrow.stream",
  ndjson: "application/x-ndjson",
  jsonl: "application/x-ndjson",
  json: "application/json",
};

/** Return the step; `chosen` hears of a dataset that is to be used. */
export function dataStep({ place, body }, chosen) {
  const select = h("select", { id: "dataset" });
  const picker = h("input", { type: "file", class: "unseen", id: "file", accept: Object.keys(MEDIA).map((each) => `.${each}`).join(",") });
  const drop = h(
    "div",
    { class: "drop" },
    h("span", {}, "Drop a file here, or"),
    h("label", { class: "button plain", for: "file" }, "Choose a file"),
    h("small", {}, "CSV, TSV, Parquet, Arrow, NDJSON or JSON"),
  );
  const preview = h("div", { id: "preview" });
  const shown = h("div", { id: "columns" });
  body.append(
    h(
      "div",
      { class: "sources" },
      h("div", { class: "field" }, h("label", { for: "dataset" }, "Kept datasets"), select, h("small", {}, "The radon survey is there to begin with.")),
      h("div", { class: "field" }, h("span", {}, "Your own table"), picker, drop),
    ),
    preview,
    shown,
  );

  async function refresh(wanted = null) {
    try {
      const items = await all("/v1/datasets?limit=100", 500);
      const usable = items.filter((item) => item.kind === "table");
      select.replaceChildren(
        ...usable.map((item) => h("option", { value: item.id }, `${item.name ?? item.id.slice(0, 12)} · ${count(item.n_rows)} rows`)),
      );
      const first = usable.find((item) => item.name === "minnesota-radon") ?? usable[0];
      const id = wanted ?? first?.id;
      if (id) await choose(id, { quietly: wanted !== null });
    } catch (error) {
      problems.show(shown, error);
    }
  }

  async function choose(id, { quietly = false } = {}) {
    const dataset = await get(`/v1/datasets/${encodeURIComponent(id)}`);
    select.value = dataset.id;
    shown.replaceChildren(
      h("h3", {}, `${dataset.name ?? dataset.id}: ${count(dataset.n_rows)} rows, ${dataset.columns.length} columns`),
      columns(dataset),
    );
    shown.hidden = false;
    await chosen(dataset, { quietly });
  }

  async function look(file) {
    const media = MEDIA[file.name.split(".").pop().toLowerCase()];
    const bar = h("progress", { max: 1, value: 0, "aria-label": "Upload" });
    const told = h("span", { role: "status" }, "Reading…");
    preview.replaceChildren(h("div", { class: "running" }, h("span", {}, `${file.name}, ${bytes(file.size)}`), bar, told));
    if (!media) {
      preview.replaceChildren(problems.box({ title: "This kind of file is not read", detail: `It may end in ${Object.keys(MEDIA).join(", ")}.`, errors: [] }));
      return;
    }
    try {
      const found = await upload("/v1/datasets/preview", file, media, (part) => {
        bar.value = part;
        told.textContent = part < 1 ? `${Math.round(100 * part)} % sent` : "Reading…";
      });
      preview.replaceChildren(offered(file, media, found));
      shown.hidden = true; // one table at a time
      say(`${file.name}: ${found.n_rows} rows, ${found.columns.length} columns`);
    } catch (error) {
      problems.show(preview, error);
    }
  }

  function offered(file, media, found) {
    const name = h("input", { id: "dataset-name", value: nameOf(file.name), autocomplete: "off", spellcheck: "false" });
    const bar = h("progress", { max: 1, value: 0, "aria-label": "Upload", hidden: true });
    const wrong = h("div", { role: "alert" });
    const keep = h("button", { type: "button", id: "keep" }, "Keep and use it");
    const not = () => {
      preview.replaceChildren();
      shown.hidden = false;
    };
    keep.addEventListener("click", () =>
      busy(
        keep,
        async () => {
          bar.hidden = false;
          const query = name.value.trim() ? `?name=${encodeURIComponent(name.value.trim())}` : "";
          const kept = await upload(`/v1/datasets${query}`, file, media, (part) => (bar.value = part));
          preview.replaceChildren(h("p", { class: "good", role: "status" }, `✓ ${kept.name ?? kept.id} is kept.`));
          await refresh(kept.id);
        },
        (error) => {
          bar.hidden = true;
          problems.show(wrong, error);
        },
      ),
    );
    return h(
      "div",
      { class: "note" },
      h("h3", {}, `${file.name}: ${count(found.n_rows)} rows, ${found.columns.length} columns`),
      columns(found),
      head(found),
      h("div", { class: "row" }, h("label", { class: "field grow" }, h("span", {}, "Name"), name), keep, h("button", { type: "button", class: "plain", onclick: not }, "Do not")),
      bar,
      wrong,
    );
  }

  select.addEventListener("change", () => choose(select.value).catch((error) => problems.show(shown, error)));
  picker.addEventListener("change", () => picker.files[0] && look(picker.files[0]).finally(() => (picker.value = "")));
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) look(event.dataTransfer.files[0]);
  });
  return { place, refresh, choose };
}

function columns(dataset) {
  const list = [
    { title: "Column", cell: (each) => h("code", {}, each.name) },
    { title: "Kind", cell: (each) => each.kind },
    { title: "Missing", number: true, cell: (each) => (each.missing ? count(each.missing) : "–") },
    { title: "Distinct", number: true, cell: (each) => (each.distinct === null ? "–" : count(each.distinct)) },
    { title: "From", number: true, cell: (each) => end(each, each.minimum) },
    { title: "To", number: true, cell: (each) => end(each, each.maximum) },
    { title: "Mean", number: true, cell: (each) => short(each.mean) },
  ];
  const lacking = dataset.columns.filter((each) => each.missing > 0);
  return h(
    "div",
    {},
    table(`Columns of ${dataset.name ?? "the table"}`, list, dataset.columns),
    lacking.length ? h("p", { class: "fine" }, `Rows with a missing value in a column that a model uses are left out: ${lacking.map((each) => each.name).join(", ")}.`) : null,
  );
}

const end = (column, value) => (column.kind === "integer" ? String(value ?? "–") : short(value));

function head(found) {
  const list = found.columns.map((each) => ({
    title: each.name,
    number: each.kind === "number" || each.kind === "integer",
    cell: (row) => short(row[each.name], 5),
  }));
  return h("details", {}, h("summary", {}, "First rows"), table("First rows", list, found.head));
}

const nameOf = (file) =>
  file
    .replace(/\.[^.]*$/, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
