// A parameter as something to move, type or choose, by what the server's table says of it. What is
// typed stays as it is, right or wrong: wrong is explained, never bent.
import { h, say } from "../lib/dom.js";
import { wrong } from "../lib/recipe.js";
import { segments } from "./segments.js";

const LOG_FROM = 500;
const SEGMENTS = 4;
let ids = 0;

/**
 * @param {object} parameter a row of the table
 * @param {string} value what was typed; nothing if it was not
 * @param {(text: string, moving: boolean) => void} change
 */
export function field(parameter, value, change) {
  const { schema } = parameter;
  const id = `field-${++ids}`;
  const why = h("p", { class: "wrong", id: `${id}-why` });
  const own = schema.enum
    ? choice
    : schema.type === "boolean"
      ? flag
      : schema.type !== "string"
        ? amount
        : schema.format === "color"
          ? color
          : words;
  const judge = (text) => {
    const problem = wrong(parameter, text);
    say(why, problem ? `${label(parameter)} ${problem}` : "");
    for (const input of root.querySelectorAll("input[type=text], input[inputmode]")) {
      if (problem) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  };
  const changed = (text, moving = false) => {
    judge(text);
    change(text, moving);
  };
  const root = h(
    "div",
    { class: "field", "data-parameter": parameter.name },
    own(parameter, value ?? "", changed, id),
    why,
  );
  judge(value ?? "");
  return root;
}

const label = (parameter) => {
  const text = parameter.name.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
};
const without = (parameter) =>
  parameter.default !== null && parameter.default !== undefined ? String(parameter.default) : (parameter.derived ?? "");
const caption = (parameter, id) => h("label", { for: id, title: parameter.help }, label(parameter));

function amount(parameter, value, change, id) {
  const { schema } = parameter;
  const hint = without(parameter);
  const [min, max] = range(schema);
  const isLog = max - min > LOG_FROM && min >= 0;
  const from = Math.max(min, 1);
  const toSlider = (n) =>
    isLog ? (Math.log(Math.max(n, from) / from) / Math.log(max / from)) * 1000 : ((n - min) / (max - min)) * 1000;
  const step = schema.type === "integer" ? (schema.not ? 2 : 1) : max - min <= 2 ? 0.01 : max - min <= 20 ? 0.05 : 0.5;
  const fromSlider = (at) => {
    const n = isLog ? from * (max / from) ** (at / 1000) : min + (at / 1000) * (max - min);
    const round = isLog && n > 200 ? 10 : step;
    const base = schema.not ? 1 : 0;
    return String(Number((Math.round((n - base) / round) * round + base).toFixed(2)));
  };
  const box = h("input", {
    id,
    type: "text",
    inputmode: "decimal",
    class: "num",
    value,
    placeholder: hint.length > 7 ? "auto" : hint,
    autocomplete: "off",
    "aria-describedby": `${id}-why`,
    oninput: () => {
      fit(box.value);
      change(box.value.trim(), false);
    },
    onkeydown: (event) => nudge(event),
  });
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 1000,
    step: 1,
    "aria-label": label(parameter),
    tabindex: "-1",
    oninput: () => {
      box.value = fromSlider(Number(slider.value));
      fill();
      change(box.value, true);
    },
    onchange: () => change(box.value, false),
  });
  const fill = () => slider.style.setProperty("--fill", `${Number(slider.value) / 10}%`);
  const fit = (text) => {
    const n = Number(text === "" ? without(parameter) : text);
    slider.value = String(Number.isFinite(n) ? toSlider(n) : 0);
    slider.setAttribute("aria-valuetext", text || hint);
    fill();
  };
  const nudge = (event) => {
    const up = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!up || event.altKey) return;
    event.preventDefault();
    const n = Number(box.value || without(parameter)) + up * step * (event.shiftKey ? 10 : 1);
    if (!Number.isFinite(n)) return;
    box.value = String(Number(n.toFixed(2)));
    fit(box.value);
    change(box.value, false);
  };
  fit(value);
  return [caption(parameter, id), slider, box];
}

/** What a slider spans: not all that is allowed, where nobody would look for the far end. */
function range(schema) {
  const far =
    schema.maximum > 10_000
      ? 4096
      : schema.maximum > 600
        ? schema.not
          ? 101
          : 300
        : schema.maximum > 99 && schema.type === "number"
          ? schema.minimum > 0
            ? 10
            : 5
          : schema.maximum;
  return [schema.minimum, far];
}

function choice(parameter, value, change, id) {
  const options = parameter.schema.enum;
  const now = value || without(parameter);
  if (options.length <= SEGMENTS && options.join("").length < 26) {
    const both = options.map((option) => [option, option]);
    const chosen = segments({ "aria-labelledby": `${id}-label` }, both, (option) => change(option));
    chosen.choose(now);
    return [h("span", { class: "label", id: `${id}-label`, title: parameter.help }, label(parameter)), chosen];
  }
  const empty =
    parameter.required || !now
      ? h("option", { value: "" }, parameter.required ? "choose" : (parameter.derived ?? "auto"))
      : null;
  return [
    caption(parameter, id),
    h(
      "select",
      { id, "aria-describedby": `${id}-why`, onchange: (event) => change(event.target.value) },
      empty,
      options.map((option) => h("option", { value: option, selected: option === now }, option)),
    ),
  ];
}

function flag(parameter, value, change, id) {
  const on = (value || without(parameter)) === "true";
  return [
    caption(parameter, id),
    h(
      "span",
      { class: "switch" },
      h("input", {
        id,
        type: "checkbox",
        role: "switch",
        checked: on,
        onchange: (event) => change(String(event.target.checked)),
      }),
      h("span", {}),
    ),
  ];
}

function color(parameter, value, change, id) {
  const text = h("input", {
    id,
    type: "text",
    class: "num",
    value,
    placeholder: without(parameter) || "#rrggbb",
    autocomplete: "off",
    "aria-describedby": `${id}-why`,
    oninput: () => {
      if (/^#[0-9a-f]{6}/i.test(text.value)) pick.value = text.value.slice(0, 7);
      change(text.value.trim());
    },
  });
  const pick = h("input", {
    type: "color",
    "aria-label": `${label(parameter)}: pick`,
    value: /^#[0-9a-f]{6}/i.test(value) ? value.slice(0, 7) : "#000000",
    oninput: () => {
      text.value = pick.value;
      change(pick.value, true);
    },
    onchange: () => change(pick.value),
  });
  return [caption(parameter, id), pick, text];
}

function words(parameter, value, change, id) {
  return [
    caption(parameter, id),
    h("input", {
      id,
      type: "text",
      value,
      class: "wide",
      placeholder: parameter.required ? "" : without(parameter),
      autocomplete: "off",
      spellcheck: "false",
      title: parameter.help,
      "aria-describedby": `${id}-why`,
      oninput: (event) => change(event.target.value.trim()),
    }),
  ];
}
