/** The counties as a map: darker is more. A pointer's way to choose; the field beside it is for keyboards. */

import { h, s } from "../dom.js";
import { short, unitName } from "../numbers.js";

const WIDTH = 420;
const SHADES = 5;

/** Draw the counties of GeoJSON `shapes` by `rows` of the service (by FIPS code). */
export function drawMap(place, legend, shapes, rows, unit, { chosen, pointed }) {
  const known = new Map(rows.map((row) => [row.fips, row]));
  const { path, height } = projection(shapes);
  const steps = cuts(rows.map((row) => row.median));
  const drawing = s("svg", {
    viewBox: `0 0 ${WIDTH} ${height}`,
    role: "img",
    "aria-label": `Map of ${rows.length} counties by the median level of such homes. The field “County” chooses the same by name.`,
  });
  for (const shape of shapes.features) {
    const row = known.get(Number(shape.id));
    if (!row) continue;
    drawing.append(
      s("path", {
        d: path(shape.geometry),
        class: `county shade-${shade(row.median, steps)}`,
        "data-fips": row.fips,
        onclick: () => chosen(row.fips),
        onpointerenter: () => pointed(row),
        onpointerleave: () => pointed(null),
      }),
    );
  }
  drawing.append(s("path", { class: "county-mark", d: "" }));
  place.replaceChildren(drawing);
  legend.replaceChildren(
    h("span", {}, `Median, ${unitName(unit)}`),
    h(
      "ol",
      {},
      Array.from({ length: SHADES }, (_, at) =>
        h("li", {}, h("i", { class: `swatch shade-${at}` }), legendText(at, steps)),
      ),
    ),
  );
}

/** Mark a county. */
export function mark(place, fips) {
  const shape = fips === null ? null : place.querySelector(`[data-fips="${fips}"]`);
  place.querySelector(".county-mark")?.setAttribute("d", shape?.getAttribute("d") ?? "");
}

function legendText(at, steps) {
  if (at === 0) return `< ${short(steps[0], 2)}`;
  if (at === SHADES - 1) return `≥ ${short(steps.at(-1), 2)}`;
  return `${short(steps[at - 1], 2)}–${short(steps[at], 2)}`;
}

const shade = (value, steps) => steps.filter((step) => value >= step).length;

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
