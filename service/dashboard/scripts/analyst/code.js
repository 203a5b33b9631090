/** The same from a terminal, from Python, and by R's lme4. */

import { get } from "../api.js";
import { h, say } from "../dom.js";
import { printed } from "./table.js";

/** Fill `place`. */
export async function codeTab(place, model) {
  const dataset = await get(`/v1/datasets/${model.dataset}`).catch(() => ({ name: model.dataset, columns: [] }));
  const name = dataset.name ?? model.dataset;
  for (const [title, code] of [
    ["curl", curl(model, name)],
    ["Python", python(model, name)],
    ["R", r(model, name)],
  ]) {
    const copy = h("button", { type: "button", class: "plain small" }, `Copy ${title}`);
    const content = printed(`${title} code`, code);
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code);
        copy.textContent = "Copied";
        say(`${title} code copied`);
      } catch {
        getSelection().selectAllChildren(content);
        copy.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => (copy.textContent = `Copy ${title}`), 2500);
    });
    place.append(h("div", { class: "step-head" }, h("h3", {}, title), copy), content);
  }
}

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(model, name) {
  const body = JSON.stringify({ dataset: name, formula: model.formula, method: model.method });
  return `curl ${location.origin}/v1/models -H 'Content-Type: application/json' -H 'Accept: text/plain' \\\n  -d ${shell(body)}\n`;
}

function python(model, name) {
  return `import httpx

service = httpx.Client(base_url=${JSON.stringify(location.origin)})
model = service.post(
    "/v1/models",
    json={
        "dataset": ${JSON.stringify(name)},
        "formula": ${JSON.stringify(model.formula)},
        "method": "${model.method}",
    },
).raise_for_status().json()
for effect in model["fixed_effects"]:
    print(effect["term"], effect["estimate"], effect["std_error"])
`;
}

function r(model, name) {
  const mixed = model.random_effects.length > 0;
  const call = mixed
    ? `library(lme4)\n\nmodel <- lmer(${model.formula}, data = table, REML = ${model.method === "REML" ? "TRUE" : "FALSE"})`
    : `model <- lm(${model.formula}, data = table)`;
  return `table <- read.csv(${JSON.stringify(`${name}.csv`)})\n${call}\nsummary(model)\n${mixed ? "coef(model)\n" : ""}`;
}
