// Elements are made of calls, and text is always text: nothing here reads HTML.

const PROPERTIES = new Set([
  "value",
  "checked",
  "disabled",
  "hidden",
  "selected",
  "indeterminate",
  "tabIndex",
  "open",
  "multiple",
]);
const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: `h("button", {class: "primary", onclick: run}, "Run")`.
 * Attributes that are functions listen, `style` is an object, null and false are left out; children
 * are nodes, texts or lists of them.
 */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) set(element, name, value);
  add(element, children);
  return element;
}

function set(element, name, value) {
  if (typeof value === "function") element.addEventListener(name.slice(2), value);
  else if (PROPERTIES.has(name)) element[name] = value ?? "";
  else if (name === "style") for (const [key, to] of Object.entries(value)) element.style.setProperty(key, to);
  else if (value === true) element.setAttribute(name, "");
  else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
}

/** Appends children as `h` does. */
export function add(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** Replaces the children. */
export function put(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

/** Puts children in their order, and touches none that is in its place: the focus stays where it is. */
export function place(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
}

/** Sets a text, and touches nothing if it is the same: selections and screen readers stay in peace. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Control, format and other characters that lie about what is written.
const ODD = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;

/** A name that somebody else chose: isolated, and with invisible characters made visible. */
export function name(text) {
  const seen = String(text).replace(ODD, (c) => `⟨${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  return h("bdi", {}, seen);
}

/** Waits until nothing has called for so long. */
export function debounced(run, ms) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), ms);
  };
}

/** Runs at once, and then no more often than this, however often it is called; the last call counts. */
export function paced(run, ms) {
  let timer = null;
  let again = false;
  const go = () => {
    again = false;
    timer = setTimeout(() => {
      timer = null;
      if (again) go();
    }, ms);
    run();
  };
  return () => {
    if (timer === null) go();
    else again = true;
  };
}
