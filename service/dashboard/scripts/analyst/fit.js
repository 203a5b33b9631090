/** A fit as a job: how far it is, and a way to stop it. */

import { ask, Failure, get } from "../api.js";
import { h, say } from "../dom.js";

/** Fit; fulfilled with the model, or null when it was cancelled. `place` shows how far it is. */
export async function fit(spec, place) {
  const answer = await ask("/v1/models", { method: "POST", json: spec, headers: { Prefer: "respond-async" } });
  const found = await answer.json();
  if (answer.status !== 202) return found;
  const bar = h("progress", { max: 1, "aria-label": "Fit" });
  const told = h("span", {}, "Waiting…");
  const stop = h("button", { type: "button", class: "plain small", id: "cancel" }, "Cancel");
  stop.addEventListener("click", () => {
    stop.disabled = true;
    ask(`/v1/jobs/${found.id}`, { method: "DELETE" }).catch((error) => (told.textContent = error.message));
  });
  place.replaceChildren(h("div", { class: "running" }, bar, h("div", { class: "tools" }, told, stop)));
  try {
    const job = await followed(found.id, (each) => {
      if (each.progress > 0) bar.value = each.progress;
      told.textContent = each.message;
    });
    if (job.state === "succeeded") return await get(job.result.href);
    if (job.state === "failed") throw new Failure(job.error);
    place.replaceChildren(h("p", { role: "status" }, "The fit was cancelled."));
    say("The fit was cancelled.");
    return null;
  } finally {
    place.querySelector(".running")?.remove();
  }
}

/** Follow a job by its events to its end; a stream that breaks is taken up again. */
async function followed(id, changed) {
  let seen = null;
  for (;;) {
    const headers = { Accept: "text/event-stream", ...(seen === null ? {} : { "Last-Event-ID": seen }) };
    const answer = await ask(`/v1/jobs/${id}/events`, { headers });
    for await (const event of events(answer.body)) {
      seen = event.id ?? seen;
      const job = JSON.parse(event.data);
      changed(job);
      if (["succeeded", "failed", "cancelled"].includes(job.state)) return job;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** Read server-sent events; `EventSource` would not carry an API key. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => line.match(/^(\w+): ?(.*)$/)).filter(Boolean);
      const of = (name) => fields.filter(([, key]) => key === name).map(([, , content]) => content);
      if (of("data").length) yield { id: of("id")[0], data: of("data").join("\n") };
    }
  }
}
