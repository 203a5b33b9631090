/** Vega, loaded when the first plot is shown; its interpreter does without `eval`. */

import { find, h } from "./dom.js";

let loading = null;

/** Draw a Vega-Lite specification in `place`. */
export async function draw(place, spec) {
  await loaded();
  await window.vegaEmbed(place, spec, {
    mode: "vega-lite",
    renderer: "svg",
    ast: true,
    actions: false,
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  });
}

function loaded() {
  loading ??= new Promise((resolve, reject) => {
    const script = h("script", { src: find("meta[name=vega]").content });
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => {
      loading = null;
      script.remove();
      reject(new Error("What draws plots could not be loaded. Try again in a moment."));
    });
    document.head.append(script);
  });
  return loading;
}
