/** The counties as a map: darker is more. A pointer's way to choose; the fields beside it are for keyboards. */

import { h, s } from "../dom.js";
import { short, unitName } from "../numbers.js";

const WIDTH = 420;
const SHADES = 5;

/** Draw the outlines of GeoJSON `shapes`; `chosen` and `pointed` hear of a county by its FIPS code. */
export function drawMap(place, shapes, { chosen, pointed }) {
  const { path, height } = projection(shapes);
  const drawing = s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": "Map of counties" });
  const outlines = new Map();
  for (const shape of shapes.features) {
    const fips = Number(shape.id);
    const outline = s("path", {
      d: path(shape.geometry),
      class: "county",
      "data-fips": fips,
      onclick: () => chosen(fips),
      onpointerenter: () => pointed(fips),
      onpointerleave: () => pointed(null),
    });
    outlines.set(fips, outline);
    drawing.append(outline);
  }
  // A pale line below a dark one: seen on every shade, without its colour too.
  const marked = ["county-halo", "county-mark"].map((name) => s("path", { class: name, d: "" }));
  drawing.append(...marked);
  place.replaceChildren(drawing);

  return {
    /** Shade the counties by the medians of `rows`. */
    shade(rows, legend, unit) {
      const steps = cuts(rows.map((row) => row.median));
      for (const row of rows) outlines.get(row.fips)?.setAttribute("class", `county shade-${shadeOf(row.median, steps)}`);
      drawing.setAttribute("aria-label", `Map of ${rows.length} counties by the median level of such homes. The field “County” and the list choose the same by name.`);
      legend.replaceChildren(h("span", {}, `Median, ${unitName(unit)}`), legendOf(steps));
    },
    /** Mark a county, or none. */
    mark(fips) {
      for (const line of marked) line.setAttribute("d", outlines.get(fips)?.getAttribute("d") ?? "");
    },
  };
}

const legendOf = (steps) =>
  h("ol", {}, Array.from({ length: SHADES }, (_, at) => h("li", {}, h("i", { class: `swatch shade-${at}` }), legendText(at, steps))));

function legendText(at, steps) {
  if (at === 0) return `< ${short(steps[0], 2)}`;
  if (at === SHADES - 1) return `≥ ${short(steps.at(-1), 2)}`;
  return `${short(steps[at - 1], 2)}–${short(steps[at], 2)}`;
}

const shadeOf = (value, steps) => steps.filter((step) => value >= step).length;

function cuts(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return Array.from({ length: SHADES - 1 }, (_, at) => {
    const found = sorted[Math.floor(((at + 1) * sorted.length) / SHADES)];
    return Number(found.toPrecision(2));
  });
}

function projection(shapes) {
  const points = shapes.features.flatMap((shape) => rings(shape.geometry).flat());
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => mercator(y));
  const [left, right, bottom, top] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = (WIDTH - 4) / (right - left);
  const put = ([x, y]) => `${(2 + (x - left) * scale).toFixed(1)} ${(2 + (top - mercator(y)) * scale).toFixed(1)}`;
  return {
    height: Math.ceil((top - bottom) * scale + 4),
    path: (geometry) => rings(geometry).map((ring) => `M${ring.map(put).join("L")}Z`).join(""),
  };
}

const rings = (geometry) => (geometry.type === "Polygon" ? geometry.coordinates : geometry.coordinates.flat());
const mercator = (degrees) => (180 / Math.PI) * Math.log(Math.tan(Math.PI / 4 + (degrees * Math.PI) / 360));
