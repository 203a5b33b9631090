/** All plots that the model has, drawn by Vega from the service itself. */

import { ask, download, get } from "../api.js";
import { busy, h, say } from "../dom.js";
import * as problems from "../problems.js";
import { draw } from "../vega.js";

const FILES = { svg: "SVG", png: "PNG", "vega-lite": "Vega-Lite" };
const PANELS = ["lines", "pooling", "profile"];
const ENDS = { svg: "svg", png: "png", "vega-lite": "json" };

/** Fill `place`. */
export async function plotsTab(place, model) {
  const found = await get(`/v1/models/${model.id}/plots`);
  const select = h("select", { id: "plot" }, found.items.map((item) => h("option", { value: item.name }, item.title)));
  const fields = h("div", { class: "row" });
  const shows = h("p", { class: "fine" });
  const paper = h("div", { class: "paper", tabindex: "0", role: "region", "aria-label": "Plot" });
  const said = h("details", {});
  const wrong = h("div", { role: "alert" });
  const files = Object.entries(FILES).map(([form, title]) => {
    const button = h("button", { type: "button", class: "plain small" }, title);
    button.addEventListener("click", () =>
      busy(button, () => download(`${path()}${path().includes("?") ? "&" : "?"}format=${form}`, `${select.value}.${ENDS[form]}`), (error) => problems.show(wrong, error)),
    );
    return button;
  });
  const item = () => found.items.find((each) => each.name === select.value);
  let latest = 0;

  function path() {
    const query = new URLSearchParams();
    for (const field of fields.querySelectorAll("select, input")) if (field.value) query.append(field.name, field.value);
    const text = query.toString();
    return `/v1/models/${model.id}/plots/${select.value}${text ? `?${text}` : ""}`;
  }

  /** The same plot, no wider than a narrow screen; panels have a width each and scroll. */
  function fitting(asked) {
    const room = Math.max(paper.clientWidth - 110, 160);
    if (room > 400 || PANELS.includes(select.value)) return asked;
    return `${asked}${asked.includes("?") ? "&" : "?"}width=${room}`;
  }

  async function show() {
    const turn = ++latest;
    problems.clear(wrong);
    paper.replaceChildren();
    delete paper.dataset.drawn;
    try {
      const spec = await (await ask(fitting(path()))).json();
      if (turn !== latest) return;
      await draw(paper, spec);
      paper.setAttribute("aria-label", spec.title.text);
      said.replaceChildren(h("summary", {}, "In words"), h("p", {}, spec.description));
      paper.dataset.drawn = select.value;
      say(spec.title.text);
    } catch (error) {
      if (turn !== latest) return;
      paper.replaceChildren(h("span", {}, "No plot."));
      problems.show(wrong, error);
    }
  }

  function change() {
    shows.textContent = item().shows;
    fields.replaceChildren(...item().parameters.filter((each) => each.choices?.length > 1 && !each.repeated).map(choice));
    return show();
  }

  select.addEventListener("change", change);
  fields.addEventListener("change", show);
  place.append(
    h("div", { class: "row" }, h("label", { class: "field grow" }, h("span", {}, "Plot"), select), fields),
    h("div", { class: "verdict-line" }, shows),
    wrong,
    paper,
    said,
    h("div", { class: "tools" }, h("span", { class: "fine" }, "Keep as"), files),
  );
  await change();
}

function choice(parameter) {
  const options = parameter.choices.map((each) => h("option", { value: each, selected: each === parameter.default }, each));
  return h("label", { class: "field" }, h("span", {}, parameter.name), h("select", { name: parameter.name }, options));
}
