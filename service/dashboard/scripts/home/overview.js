/** All counties of a state at a glance: on a map and as a list. */

import { get } from "../api.js";
import { find, h } from "../dom.js";
import { percent, short, unitName } from "../numbers.js";
import { countyList } from "./list.js";
import { drawMap } from "./map.js";

/** Make the card; `chosen` hears of a county. */
export function overview(chosen) {
  const list = countyList(find("#list"), chosen);
  const buttons = [...document.querySelectorAll("[data-view]")];
  let map = null;
  let rows = [];
  let fips = null;
  let current = null;
  let drawn = null;
  let shown = { unit: "pCi/L", action: 4 };
  for (const button of buttons) button.addEventListener("click", () => view(button.dataset.view));

  function view(name) {
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.view === name ? "true" : "false");
    find("#map-part").hidden = name !== "map";
    find("#list").hidden = name !== "list";
  }

  async function outlines(state) {
    const shapes = await get(`${document.body.dataset.base}/outlines/${state}.json`);
    if (state !== current) return;
    map = drawMap(find("#map"), shapes, { chosen, pointed: (code) => tell(rows.find((row) => row.fips === code)) });
  }

  function tell(row) {
    const told = row ?? rows.find((each) => each.fips === fips);
    find("#map-told").textContent = told
      ? `${told.title.split(",")[0]}: median ${short(told.median)} ${unitName(shown.unit)}, ${percent(told.share)} above ${short(shown.action)}; ${homes(told.n)}.`
      : "Choose a county.";
  }

  return {
    /** Show the outlines of a state as soon as they are there. */
    begin(state) {
      if (state === current) return drawn;
      current = state;
      map = null;
      list.clear();
      find("#map").replaceChildren();
      find("#map-legend").replaceChildren();
      drawn = outlines(state).catch((error) => {
        current = null; // they are asked for again
        throw error;
      });
      return drawn;
    },
    /** Tell the numbers of its counties. */
    fill(found, about) {
      rows = found;
      shown = about;
      find("#map-title").textContent = `Homes ${about.floor === "basement" ? "with a basement" : "without a basement"}, by county`;
      map?.shade(rows, find("#map-legend"), about.unit);
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
