/** The same from a terminal, from Python, and by R's lme4. */

import { get } from "../api.js";
import { h, say } from "../dom.js";
import { credentials } from "../key.js";
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

/** Whether the service asks for a key: code names the variable that holds it, never the key. */
const keyed = () => "Authorization" in credentials();

/** The request that fits the model: what stands in it by default is left out. */
function request(model, name) {
  const { weights, offset, categorical, contrasts, missing } = model.options;
  return {
    dataset: name,
    formula: model.formula,
    method: model.method,
    ...(weights === null ? {} : { weights }),
    ...(offset === null ? {} : { offset }),
    ...(categorical.length === 0 ? {} : { categorical }),
    ...(Object.keys(contrasts).length === 0 ? {} : { contrasts }),
    ...(missing === "drop" ? {} : { missing }),
  };
}

function curl(model, name) {
  const body = JSON.stringify(request(model, name));
  const key = keyed() ? ' -H "Authorization: Bearer $PARTIALPOOL_KEY"' : "";
  return `curl ${location.origin}/v1/models${key} -H 'Content-Type: application/json' -H 'Accept: text/plain' \\\n  -d ${shell(body)}\n`;
}

function python(model, name) {
  // Texts, lists and objects of texts are written alike in JSON and in Python.
  const lines = Object.entries(request(model, name)).map(([key, value]) => `        "${key}": ${JSON.stringify(value)},\n`);
  const [os, headers] = keyed() ? ["import os\n\n", ', headers={"Authorization": "Bearer " + os.environ["PARTIALPOOL_KEY"]}'] : ["", ""];
  return `${os}import httpx

service = httpx.Client(base_url=${JSON.stringify(location.origin)}${headers})
model = service.post(
    "/v1/models",
    json={
${lines.join("")}    },
).raise_for_status().json()
for effect in model["fixed_effects"]:
    print(effect["term"], effect["estimate"], effect["std_error"])
`;
}

const CODINGS = { sum: "contr.sum", helmert: "contr.helmert", treatment: "contr.treatment" };
const column = (name) => `table[[${JSON.stringify(name)}]]`;
const bare = (name) => (/^[A-Za-z.][\w.]*$/.test(name) ? name : `\`${name}\``);

function r(model, name) {
  const { weights, offset, categorical, contrasts, missing } = model.options;
  const mixed = model.random_effects.length > 0;
  const codings = Object.entries(contrasts).map(([key, coding]) => `${bare(key)} = "${CODINGS[coding]}"`);
  const given = [
    model.formula,
    "data = table",
    ...(mixed ? [`REML = ${model.method === "REML" ? "TRUE" : "FALSE"}`] : []),
    ...(weights === null ? [] : [`weights = ${bare(weights)}`]),
    ...(offset === null ? [] : [`offset = ${bare(offset)}`]),
    ...(codings.length === 0 ? [] : [`contrasts = list(${codings.join(", ")})`]),
    ...(missing === "drop" ? [] : ["na.action = na.fail"]),
  ];
  const factors = categorical.map((key) => `${column(key)} <- factor(as.character(${column(key)}))\n`);
  return (
    `${mixed ? "library(lme4)\n\n" : ""}table <- read.csv(${JSON.stringify(`${name}.csv`)}, check.names = FALSE)\n${factors.join("")}` +
    `model <- ${mixed ? "lmer" : "lm"}(${given.join(", ")})\nsummary(model)\n${mixed ? "coef(model)\n" : ""}`
  );
}
