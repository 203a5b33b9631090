/** Which door is open, and in which colours. */

import { find, say } from "./dom.js";
import { openHome } from "./home/home.js";

const doors = {
  home: openHome,
  analyst: async (rest) => (await import("./analyst/analyst.js")).openAnalyst(rest),
};
const titles = { home: "My home", analyst: "My data" };
let shown = null;

async function route() {
  const [, name = "home", ...rest] = location.hash.split("/");
  if (location.hash && !location.hash.startsWith("#/")) return; // an anchor, such as the skip link's
  const door = name in doors ? name : "home";
  for (const other of Object.keys(doors)) {
    find(`#${other}`).hidden = other !== door;
    const link = find(`nav [data-door=${other}]`);
    if (other === door) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.documentElement.dataset.door = door;
  document.title = `${titles[door]} · partialpool`;
  if (shown !== null && shown !== door) {
    find("#content").focus({ preventScroll: true });
    scrollTo(0, 0);
    say(titles[door]);
  }
  shown = door;
  await doors[door](rest.map(decodeURIComponent));
  document.documentElement.dataset.ready = door;
  performance.mark("ready");
}

const THEME = "partialpool-theme";
function paint() {
  const chosen = localStorage.getItem(THEME);
  if (chosen) document.documentElement.dataset.theme = chosen;
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  find("#theme").setAttribute("aria-label", dark ? "Use light colours" : "Use dark colours");
  return dark;
}
find("#theme").addEventListener("click", () => {
  localStorage.setItem(THEME, paint() ? "light" : "dark");
  paint();
});
find(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  find("#content").focus();
});

paint();
addEventListener("hashchange", route);
route();
