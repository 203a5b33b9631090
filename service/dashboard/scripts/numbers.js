/** Numbers as people read them. */

/** Three digits, without exponents where they can be avoided. */
export function short(x, digits = 3) {
  if (x === null || x === undefined) return "–";
  if (typeof x !== "number") return String(x);
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e6 || size < 1e-4) return x.toExponential(digits - 1).replace("-", "−");
  return signed(Number(x.toPrecision(digits)), size >= 1000 ? 0 : undefined);
}

/** With so many digits after the point. */
export const fixed = (x, digits) => (x === null || x === undefined ? "–" : x.toFixed(digits).replace("-", "−"));

export const percent = (p) => {
  const value = 100 * p;
  if (value > 0 && value < 1) return "< 1 %";
  if (value > 99 && value < 100) return "> 99 %";
  return `${Math.round(value)} %`;
};

export const dollars = (x) => `$${Math.round(x).toLocaleString("en-US")}`;
export const count = (n) => n.toLocaleString("en-US");

/** A p value as tables print it. */
export const chance = (p) => (p === null || p === undefined ? "–" : p < 0.0001 ? "< 0.0001" : p.toFixed(4));

export const bytes = (n) => {
  if (n < 1000) return `${n} B`;
  return n < 1e6 ? `${short(n / 1e3)} kB` : `${short(n / 1e6)} MB`;
};

export const unitName = (unit) => unit.replace("m3", "m³");

/** A name as it is searched for, whatever its capitals, points and accents. */
export const plain = (text) => text.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]/g, "");

function signed(x, digits) {
  return x.toLocaleString("en-US", { maximumFractionDigits: digits ?? 6 }).replace("-", "−");
}
