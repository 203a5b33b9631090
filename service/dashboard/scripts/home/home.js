/** The homeowner's door: a house is described, the service answers. */

import { all, get, post } from "../api.js";
import { debounced, find, h } from "../dom.js";
import { percent, short, unitName } from "../numbers.js";
import * as problems from "../problems.js";
import { answer } from "./answer.js";
import { combobox } from "./combobox.js";
import { drawMap, mark } from "./map.js";

const STATES = { AZ: "Arizona", IN: "Indiana", MA: "Massachusetts", MN: "Minnesota", MO: "Missouri", ND: "North Dakota", PA: "Pennsylvania" };
const MAPPED = "MN";
const ACTION = { "pCi/L": 4, "Bq/m3": 148 };

let rows = [];
let fips = null;
let shapes = null;
let counties = null;
let latest = 0;
let begun = false;

/** Show the door; its parts are made when it is first opened. */
export async function openHome() {
  if (begun) return;
  begun = true;
  for (const [code, name] of Object.entries(STATES)) find("#state").append(h("option", { value: code }, name));
  find("#state").value = MAPPED;
  counties = combobox(find("#county"), find("#county-list"), choose);
  find("#state").addEventListener("change", () => reload({ anew: true }));
  find("#unit").addEventListener("change", changeUnit);
  for (const radio of document.querySelectorAll("[name=floor]")) radio.addEventListener("change", () => reload({ anew: false }));
  find("#home-form").addEventListener("submit", (event) => {
    event.preventDefault();
    assess();
  });
  find("#home-form").addEventListener("input", debounced((event) => event.target.id !== "county" && again(), 500));
  await reload({ anew: true });
}

async function reload({ anew }) {
  const state = find("#state").value;
  const query = new URLSearchParams({ state, floor: floor(), unit: unit(), limit: "1000" });
  try {
    const [found] = await Promise.all([all(`/v1/radon/counties?${query}`), state === MAPPED ? loadShapes() : null]);
    rows = found;
  } catch (error) {
    problems.show(find("#home-problem"), error);
    return;
  }
  problems.clear(find("#home-problem"));
  if (anew) {
    fips = null;
    counties.offer(rows.map((row) => ({ label: row.title.split(",")[0].replace(/ County$/, ""), hint: row.n === 0 ? "none tested" : `${row.n} tested`, value: row.fips })));
    find("#answer").replaceChildren();
  }
  find("#map-card").hidden = state !== MAPPED;
  if (state === MAPPED) {
    find("#map-title").textContent = `Homes ${floor() === "basement" ? "with a basement" : "without a basement"}, by county`;
    drawMap(find("#map"), find("#map-legend"), shapes, rows, unit(), { chosen: fromMap, pointed });
    mark(find("#map"), fips);
    pointed(null);
  }
}

async function loadShapes() {
  shapes ??= await get(`${document.body.dataset.base}/counties.json`);
}

function choose(wanted) {
  fips = wanted;
  find("#county").removeAttribute("aria-invalid");
  mark(find("#map"), fips);
  pointed(null);
  assess();
}

function fromMap(wanted) {
  counties.choose(wanted);
  choose(wanted);
}

function pointed(row) {
  const shown = row ?? rows.find((each) => each.fips === fips);
  find("#map-told").textContent = shown
    ? `${shown.title.split(",")[0]}: median ${short(shown.median)} ${unitName(unit())}, ${percent(actionShare(shown))} above ${short(ACTION[unit()])}; ${homes(shown.n)}.`
    : "Choose a county.";
}

const actionShare = (row) => {
  const found = Object.entries(row.exceedance).find(([level]) => Math.abs(Number(level) - ACTION[unit()]) < 0.5);
  return found ? found[1] : 0;
};

/** Ask again, once there is an answer that a change makes old. */
function again() {
  if (fips !== null && find("#answer").children.length > 0) assess({ stay: true });
}

async function assess({ stay = false } = {}) {
  const place = find("#home-problem");
  if (fips === null) {
    find("#county").setAttribute("aria-invalid", "true");
    place.replaceChildren(problems.box({ title: "Which county?", detail: "Choose one by name or on the map.", errors: [] }));
    find("#county").focus();
    return;
  }
  const turn = ++latest;
  const button = find("#home-form [type=submit]");
  button.setAttribute("aria-busy", "true");
  try {
    const found = await post("/v1/radon/assessments", request());
    if (turn !== latest) return; // a later question is under way
    problems.clear(place);
    find("#answer").classList.remove("stale");
    find("#answer").replaceChildren(...answer(found, number("#action") ?? ACTION[unit()]));
    if (!stay) find("#answer").scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "start" });
  } catch (error) {
    if (turn !== latest) return;
    problems.show(place, error);
    find("#answer").classList.add("stale"); // it answers another question
  } finally {
    if (turn === latest) button.removeAttribute("aria-busy");
  }
}

function request() {
  const asked = { fips, floor: floor(), unit: unit() };
  const reading = number("#reading");
  if (reading !== null) asked.measurement = { value: reading, kind: find("#kind").value };
  const given = { action_level: "#action", remediation_cost: "#remediation", test_cost: "#test", living_area_ratio: "#ratio" };
  for (const [name, field] of Object.entries(given)) {
    const value = number(field);
    if (value !== null) asked[name] = value;
  }
  return asked;
}

async function changeUnit() {
  for (const label of document.querySelectorAll("[data-unit]")) label.textContent = unitName(unit());
  const factor = unit() === "Bq/m3" ? 37 : 1 / 37;
  for (const field of ["#reading", "#action"]) {
    const value = number(field);
    if (value !== null) find(field).value = Number((value * factor).toPrecision(4));
  }
  find("#action").placeholder = ACTION[unit()];
  await reload({ anew: false });
}

const homes = (n) => (n === 0 ? "no homes in the survey" : `${n} ${n === 1 ? "home" : "homes"} in the survey`);
const floor = () => find("[name=floor]:checked").value;
const unit = () => find("#unit").value;
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function number(selector) {
  const { value } = find(selector);
  return value.trim() === "" ? null : Number(value);
}
