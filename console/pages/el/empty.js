// What is said where there is nothing, and where to go from there.
import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

/** Nothing has come yet. */
export const unground = (sign, text) => [
  icon(sign, "big"),
  h("strong", {}, "Nothing ground yet"),
  h("p", {}, text),
  h("a", { class: "button large", href: "#/grind" }, "Go to Grind"),
];

/** Nothing of what there is fits the filters. */
export const unmatched = (clear, word = "Clear the filters") => [
  icon("search", "big"),
  h("strong", {}, "Nothing matches"),
  h("button", { onclick: clear }, word),
];
