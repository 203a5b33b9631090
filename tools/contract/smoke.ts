// The main job by the generated TypeScript client: node smoke.js URL KEY TABLE.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import process from "node:process";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Model = components["schemas"]["FittedModel"];

const formula = "log(radon + 0.1) ~ floor + (1 | county)";
const [url, key, table] = process.argv.slice(2);
assert(url && key && table);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });

const uploaded = await client.POST("/v1/datasets", {
  params: { query: { name: "generated-typescript" } },
  headers: { "Content-Type": "text/csv" },
  body: await readFile(table, "utf8"),
  bodySerializer: (text) => text as string,
});
const dataset = uploaded.data;
// A file that takes long to register would be answered by its job.
assert(dataset && "n_rows" in dataset, JSON.stringify(uploaded));
assert.equal(dataset.n_rows, 919);

function fitted(answer: unknown): answer is Model {
  return typeof answer === "object" && answer !== null && "fixed_effects" in answer;
}

const answer = await client.POST("/v1/models", { body: { formula, dataset: dataset.id } });
const model = answer.data;
assert(fitted(model), JSON.stringify(answer));
assert.deepEqual(model.fixed_effects.map((row) => row.estimate.toFixed(4)), ["1.4924", "-0.6629"]);

const page = await client.GET("/v1/models/{model}/effects/{group}", {
  params: { path: { model: model.id, group: "county" }, query: { limit: 10 } },
});
assert(page.data && typeof page.data === "object", JSON.stringify(page.error));
const aitkin = page.data.items[0];
assert.equal(aitkin?.level, "AITKIN");
assert.equal(aitkin.coefficients["(Intercept)"]?.estimate?.toFixed(4), "1.2291");

const predicted = await client.POST("/v1/models/{model}/predictions", {
  params: { path: { model: model.id } },
  body: { rows: [{ county: "AITKIN", floor: 0 }], thresholds: [4] },
});
assert(predicted.data && typeof predicted.data === "object" && "items" in predicted.data, JSON.stringify(predicted.error));
const probability = predicted.data.items[0]?.outcome?.exceedance[0]?.probability;
assert.equal(probability?.toFixed(2), "0.41");

const wrong = await client.POST("/v1/models", {
  body: { formula: "radon ~ flor + (1 | county)", dataset: dataset.id },
});
assert.equal(wrong.error?.errors[0]?.code, "unknown_column");

const unmade = await client.DELETE("/v1/models/{model}", { params: { path: { model: model.id } } });
assert.equal(unmade.response.status, 204);
const gone = await client.DELETE("/v1/datasets/{dataset}", { params: { path: { dataset: dataset.id } } });
assert.equal(gone.response.status, 204);
console.log("typescript: uploaded, fitted, predicted");
