// What went wrong, what to do about it, and a code to look for.
import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

const FIXES = {
  offline: "Look whether the server runs and can be reached. It is asked again by itself.",
  unavailable: "The store or the queue behind the server does not answer. Try again in a moment.",
  busy: "Too much was asked at once. Try again in a moment.",
  not_found: "It may have been removed. Jobs lists what is there.",
  bad_parameter: "The address may have been cut off. Jobs lists what is there.",
  foreign: "Open the console by the server's address, or start the server with --host NAME.",
  not_here: "This server has no such part.",
};

export function trouble(error, retry) {
  const code = error.code ?? error.name;
  return h(
    "section",
    { class: "card trouble", role: "alert" },
    h("p", { class: "line" }, icon("failed"), h("strong", {}, error.detail ?? error.message)),
    h(
      "p",
      { class: "muted" },
      error.hint ?? error.fix ?? FIXES[code] ?? "Try again; if it stays, look into the server's log for this code.",
    ),
    h("p", { class: "line" }, retry && h("button", { onclick: retry }, "Retry"), h("code", {}, code)),
  );
}
