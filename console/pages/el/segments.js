// A choice of a few: radio buttons in one frame.
import { h } from "../lib/dom.js";

let groups = 0;

/**
 * @param {object} named `aria-label`, or what else names the group
 * @param {[string, string][]} options values and their words
 * @param {(value: string) => void} pick
 * @returns an element; `choose(value)` shows what is chosen, and leaves the focus where it is
 */
export function segments(named, options, pick) {
  const name = `segments-${++groups}`;
  const inputs = options.map(([value]) => h("input", { type: "radio", name, value, onchange: () => pick(value) }));
  const labels = options.map(([, word], at) => h("label", {}, inputs[at], h("span", {}, word)));
  const root = h("div", { class: "segments", role: "radiogroup", ...named }, labels);
  root.choose = (value) => {
    for (const input of inputs) input.checked = input.value === value;
  };
  return root;
}
