// What is said aloud, and keys that work everywhere.
import { h } from "./dom.js";
import { kept } from "./store.js";

const spoken = h("div", { class: "sr", "aria-live": "polite", role: "status" });
const urgent = h("div", { class: "sr", "aria-live": "assertive", role: "alert" });
document.body.append(spoken, urgent);

/** Says a sentence to whoever listens to the page. */
export function announce(text, loud = false) {
  const where = loud ? urgent : spoken;
  where.textContent = "";
  // An equal text again would not be said.
  setTimeout(() => {
    where.textContent = text;
  }, 50);
}

/** Moves the focus to what is yet to be drawn, unless somebody has moved it meanwhile. */
export function focusOnceDrawn(find) {
  const before = document.activeElement;
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      if ([before, document.body].includes(document.activeElement)) find()?.focus();
    }),
  );
}

/** Whether keys without Ctrl do something: people who dictate switch them off. */
export const letters = {
  get on() {
    return kept.get("letters", true);
  },
  set on(value) {
    kept.set("letters", value);
  },
};

const writes = (target) =>
  target.closest?.(
    "input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]",
  );

/** Whether a key is pressed with another one that changes what it means. AltGr only leads to signs. */
export const held = (event) => !event.getModifierState("AltGraph") && (event.ctrlKey || event.metaKey || event.altKey);

/**
 * Keys of a screen, until the signal aborts: `{"j": run, "Ctrl+Enter": run}`. Plain ones do nothing
 * while somebody writes, or with a dialog open.
 */
export function keys(map, signal, { inDialog = false } = {}) {
  addEventListener(
    "keydown",
    (event) => {
      const plain = !held(event);
      const name = plain
        ? event.key
        : `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${event.key}`;
      const run = map[name];
      if (!run || event.defaultPrevented) return;
      if (plain && (writes(event.target) || (event.key.length === 1 && !letters.on))) return;
      if (document.querySelector("dialog[open]") && !inDialog) return;
      event.preventDefault();
      run(event);
    },
    { signal },
  );
}
