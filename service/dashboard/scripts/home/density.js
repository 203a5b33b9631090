/** The distribution of the level in one house, and how much of it is above the action level. */

import { s } from "../dom.js";
import { percent, short, unitName } from "../numbers.js";

const WIDE = { width: 640, height: 250, left: 12, right: 12, top: 34, bottom: 44 };
const NARROW = { ...WIDE, width: 330, height: 220, left: 8, right: 8 };
const POINTS = 240;

/** Return a drawing of `now` (and of `before`, without the test) against `action`. */
export function density(now, before, action, unit) {
  const box = matchMedia("(max-width: 40rem)").matches ? NARROW : WIDE;
  const end = ceiling(Math.max(action * 1.6, now.intervals.at(-1).upper * 1.05, before ? before.intervals[0].upper * 1.3 : 0));
  const curve = points(now, end);
  const earlier = before ? points(before, end) : [];
  const top = 1.08 * Math.max(...[...curve, ...earlier].map(([, y]) => y));
  const floor = box.height - box.bottom;
  const x = (value) => box.left + (value / end) * (box.width - box.left - box.right);
  const y = (value) => floor - (value / top) * (floor - box.top);
  const line = (list) => list.map(([a, b], at) => `${at ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
  const area = (list) => (list.length ? `${line(list)}L${x(list.at(-1)[0]).toFixed(1)} ${floor}L${x(list[0][0]).toFixed(1)} ${floor}Z` : "");
  const over = now.exceedance.find((each) => Math.abs(each.threshold - action) < 1e-6 * action);
  const share = over ? percent(over.probability) : "";
  const right = x(action) < box.width * 0.62;
  const drawing = s(
    "svg",
    { viewBox: `0 0 ${box.width} ${box.height}`, role: "img", class: "density", "aria-label": told(now, action, unit, share) },
    s("path", { class: "below", d: area(curve.filter(([a]) => a <= action)) }),
    s("path", { class: "above", d: area(curve.filter(([a]) => a >= action)) }),
    s("path", { class: "outline", d: line(curve) }),
    earlier.length ? s("path", { class: "earlier", d: line(earlier) }) : null,
    s("line", { class: "axis", x1: box.left, x2: box.width - box.right, y1: floor, y2: floor }),
    ...ticks(end, box === WIDE ? 8 : 5).flatMap((value) => [
      s("line", { class: "axis", x1: x(value), x2: x(value), y1: floor, y2: floor + 5 }),
      s("text", { x: x(value), y: floor + 19, "text-anchor": value === 0 ? "start" : "middle" }, short(value)),
    ]),
    s("text", { class: "axis-title", x: box.width / 2, y: box.height - 6, "text-anchor": "middle" }, `Radon where you live, ${unitName(unit)}`),
    s("line", { class: "median", x1: x(now.median), x2: x(now.median), y1: box.top, y2: floor }),
    s("line", { class: "action", x1: x(action), x2: x(action), y1: box.top - 18, y2: floor }),
    s(
      "text",
      { class: "action-text", x: x(action) + (right ? 7 : -7), y: box.top - 8, "text-anchor": right ? "start" : "end" },
      `action level ${short(action)}: ${share} above`,
    ),
  );
  return drawing;
}

function points({ geometric_mean: mean, geometric_sd: sd, offset }, end) {
  const [middle, spread] = [Math.log(mean), Math.log(sd)];
  return Array.from({ length: POINTS + 1 }, (_, at) => {
    const level = (end * at) / POINTS;
    const value = level + offset;
    if (value <= 0) return [level, 0];
    const z = (Math.log(value) - middle) / spread;
    return [level, Math.exp(-0.5 * z * z) / (value * spread)];
  });
}

function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((each) => each * power >= value);
}

function ticks(end, most) {
  const power = 10 ** Math.floor(Math.log10(end / most));
  const step = power * [1, 2, 5, 10].find((each) => end / (each * power) <= most);
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, at) => at * step);
}

function told(now, action, unit, share) {
  const { lower, upper } = now.intervals.at(-1);
  return (
    `Distribution of the level: median ${short(now.median)} ${unit}, 95 of 100 between ${short(lower)} and ${short(upper)}` +
    (share ? `; ${share} above the action level of ${short(action)}.` : ".")
  );
}
