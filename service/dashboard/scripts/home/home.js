/** The homeowner's door: a house is described, the service answers. */

import { all, post } from "../api.js";
import { debounced, find } from "../dom.js";
import { unitName } from "../numbers.js";
import * as problems from "../problems.js";
import { grounds, verdict } from "./answer.js";
import { combobox } from "./combobox.js";
import { overview } from "./overview.js";

const ACTION = { "pCi/L": 4, "Bq/m3": 148 };

let fips = null;
let counties = null;
let glance = null;
let latest = 0;
let reloads = 0;
let begun = false;

/** Show the door; its parts are made when it is first opened. */
export async function openHome() {
  if (begun) return;
  begun = true;
  counties = combobox(find("#county"), find("#county-list"), choose);
  glance = overview(pointedAt);
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
  const turn = ++reloads;
  const { value: state } = find("#state");
  const query = new URLSearchParams({ state, floor: floor(), unit: unit(), limit: "1000" });
  if (anew) {
    fips = null;
    counties.clear();
    find("#answer").replaceChildren();
    find("#grounds").replaceChildren();
  }
  try {
    const about = { floor: floor(), unit: unit(), action: ACTION[unit()] };
    const [rows] = await Promise.all([all(`/v1/radon/counties?${query}`), glance.begin(state)]);
    if (turn !== reloads) return; // something else was chosen meanwhile
    if (anew) counties.offer(rows.map((row) => ({ label: shortName(row), hint: row.n === 0 ? "none tested" : `${row.n} tested`, value: row.fips })));
    if (fips !== null) counties.choose(fips); // on the map, before the names were there
    glance.fill(rows.map((row) => ({ ...row, name: shortName(row), share: shareAbove(row, about.action) })), about);
    glance.mark(fips);
  } catch (error) {
    problems.show(find("#home-problem"), error);
    return;
  }
  problems.clear(find("#home-problem"));
}

function choose(wanted) {
  fips = wanted;
  find("#county").removeAttribute("aria-invalid");
  glance.mark(fips);
  assess();
}

function pointedAt(wanted) {
  counties.choose(wanted);
  choose(wanted);
}

const shortName = (row) => row.title.split(",")[0].replace(/ County$/, "");

function shareAbove(row, action) {
  const found = Object.entries(row.exceedance).find(([level]) => Math.abs(Number(level) - action) < 0.5);
  return found ? found[1] : 0;
}

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
    for (const part of parts()) part.classList.remove("stale");
    find("#answer").replaceChildren(verdict(found));
    find("#grounds").replaceChildren(...grounds(found, number("#action") ?? ACTION[unit()]));
    if (!stay) find("#answer").scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
  } catch (error) {
    if (turn !== latest) return;
    problems.show(place, error);
    for (const part of parts()) part.classList.add("stale"); // it answers another question
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

const parts = () => [find("#answer"), find("#grounds")];
const floor = () => find("[name=floor]:checked").value;
const unit = () => find("#unit").value;
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function number(selector) {
  const { value } = find(selector);
  return value.trim() === "" ? null : Number(value);
}
