/** A text field with a list that narrows as one types (the combobox of the ARIA practices). */

import { h, say } from "../dom.js";
import { plain } from "../numbers.js";

const MOST = 200;

/** Make `input` and `list` choose among `options` ({label, hint, value}); `chosen` hears of it. */
export function combobox(input, list, chosen) {
  let options = [];
  let shown = [];
  let at = -1;
  let value = null;
  let waiting = true;
  let entered = false; // while the options were on their way

  function open(text) {
    const wanted = plain(text);
    const nothing = waiting ? "Counties are on their way" : "No county of this name";
    const begins = options.filter((option) => plain(option.label).startsWith(wanted));
    const within = options.filter((option) => !begins.includes(option) && plain(option.label).includes(wanted));
    shown = [...begins, ...within].slice(0, MOST);
    at = -1;
    list.replaceChildren(
      ...shown.map((option, place) =>
        h(
          "li",
          {
            role: "option",
            id: `${list.id}-${place}`,
            "aria-selected": option === value ? "true" : "false",
            onmousedown: (event) => event.preventDefault(),
            onclick: () => take(option),
          },
          h("span", {}, option.label),
          h("small", {}, option.hint),
        ),
      ),
    );
    if (shown.length === 0) list.append(h("li", { role: "option", "aria-disabled": "true", class: "none" }, nothing));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    input.removeAttribute("aria-activedescendant");
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function move(step) {
    if (list.hidden) open("");
    if (shown.length === 0) return;
    list.children[at]?.classList.remove("active");
    at = (at + step + shown.length + (at < 0 && step < 0 ? 1 : 0)) % shown.length;
    const item = list.children[at];
    item.classList.add("active");
    item.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", item.id);
  }

  function take(option, { quietly = false } = {}) {
    value = option;
    input.value = option?.label ?? "";
    close();
    if (!quietly) {
      say(`${option.label} chosen`);
      chosen(option.value);
    }
  }

  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => list.hidden && open(""));
  input.addEventListener("input", () => {
    entered = false;
    open(input.value);
  });
  input.addEventListener("blur", () => {
    if (!list.hidden) close();
    const named = options.find((option) => plain(option.label) === plain(input.value));
    if (named && named !== value) take(named);
    else input.value = value?.label ?? input.value;
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && !list.hidden) {
      const option = shown[at] ?? (shown.length === 1 || input.value ? shown[0] : null);
      entered = waiting && input.value !== "";
      if (option || entered) event.preventDefault();
      if (option) take(option);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
      input.value = value?.label ?? "";
    }
  });

  return {
    /** Forget the options: others are on their way. */
    clear() {
      options = [];
      waiting = true;
      entered = false;
      take(null, { quietly: true });
    },
    /** Offer these; what was typed meanwhile is looked for among them. */
    offer(found) {
      options = found;
      waiting = false;
      if (!list.hidden) open(input.value);
      if (entered && !list.hidden && shown.length > 0) take(shown[0]);
      entered = false;
    },
    choose(wanted) {
      const option = options.find((each) => each.value === wanted);
      if (option) take(option, { quietly: true });
    },
  };
}
