/** All counties of a state at a glance: on a map where there is one, and as a list. */

import { get } from "../api.js";
import { find, h } from "../dom.js";
import { percent, short, unitName } from "../numbers.js";
import { countyList } from "./list.js";
import { drawMap } from "./map.js";

const MAPPED = "MN";

/** Make the card; `chosen` hears of a county. */
export function overview(chosen) {
  const list = countyList(find("#list"), chosen);
  const buttons = [...document.querySelectorAll("[data-view]")];
  let map = null;
  let rows = [];
  let fips = null;
  let current = null;
  let shown = { unit: "pCi/L", action: 4 };
  for (const button of buttons) button.addEventListener("click", () => view(button.dataset.view));

  function view(name) {
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.view === name ? "true" : "false");
    find("#map-part").hidden = name !== "map";
    find("#list").hidden = name !== "list";
  }

  function tell(row) {
    const told = row ?? rows.find((each) => each.fips === fips);
    find("#map-told").textContent = told
      ? `${told.title.split(",")[0]}: median ${short(told.median)} ${unitName(shown.unit)}, ${percent(told.share)} above ${short(shown.action)}; ${homes(told.n)}.`
      : "Choose a county.";
  }

  return {
    /** Show the outlines of a state as soon as they are there. */
    async begin(state, name) {
      find("#views").hidden = state !== MAPPED;
      find("#map-note").textContent =
        state === MAPPED ? "" : `The service has the outlines of Minnesota’s counties alone: those of ${name} are told as a list.`;
      if (state !== current) {
        list.clear();
        view(state === MAPPED ? "map" : "list");
      }
      current = state;
      if (state === MAPPED) map ??= drawMap(find("#map"), await get(`${document.body.dataset.base}/counties.json`), { chosen, pointed: (code) => tell(rows.find((row) => row.fips === code)) });
    },
    /** Tell the numbers of its counties. */
    fill(state, found, about) {
      rows = found;
      shown = about;
      find("#map-title").textContent = `Homes ${about.floor === "basement" ? "with a basement" : "without a basement"}, by county`;
      if (state === MAPPED) map.shade(rows, find("#map-legend"), about.unit);
      list.fill(rows, about.unit, about.action);
      tell(null);
    },
    mark(wanted) {
      fips = wanted;
      map?.mark(fips);
      list.mark(fips);
      tell(null);
    },
  };
}

const homes = (n) => (n === 0 ? "no homes in the survey" : `${n} ${n === 1 ? "home" : "homes"} in the survey`);
