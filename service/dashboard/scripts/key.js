/** The API key of this tab, and the field that asks for it. */

import { find } from "./dom.js";

const NAME = "partialpool-key";
let waiting = null;

/** The header that carries the key, if there is one. */
export function credentials() {
  const key = sessionStorage.getItem(NAME);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Show the field, and why a key was refused; fulfilled when one was given. One field, however many ask. */
export function askForKey(detail) {
  waiting ??= new Promise((resolve) => {
    const place = find("#key");
    find("#key-said").textContent = sessionStorage.getItem(NAME) ? detail : "";
    place.hidden = false;
    find("#key-value").focus();
    find("#key-form").addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        sessionStorage.setItem(NAME, find("#key-value").value.trim());
        find("#key-value").value = "";
        place.hidden = true;
        waiting = null;
        resolve();
      },
      { once: true },
    );
  });
  return waiting;
}
