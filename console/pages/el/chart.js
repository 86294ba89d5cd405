// The fleet over time: waiting jobs as a line, what ends a second as dashes, instances as steps
// behind them, decisions as marks. Pointer and arrows read it off; a table says the same.
import { h, put, s } from "../lib/dom.js";
import { clock, clockExact, number } from "../lib/format.js";

const PAD = { top: 18, right: 12, bottom: 24, left: 12 };
const HEIGHT = 240;
const LABELS = 5;
const TABLE_ROWS = 60;

/**
 * @typedef {{at: number[], backlog: (number|null)[], rate: (number|null)[], size: (number|null)[]}} History
 *   columns of the same length; null where nothing is known
 */

/** `<px-chart>`: `show(history, marks, [from, to])`; a mark that is chosen is told as `mark`. */
class Chart extends HTMLElement {
  #history = null;
  #marks = [];
  #range = [0, 1];
  #at = null;

  connectedCallback() {
    if (this.plot) return;
    this.plot = h("div", {
      class: "plot",
      tabindex: "0",
      role: "img",
      onpointermove: (event) => this.#point(event),
      onpointerleave: () => this.#pick(null),
      onkeydown: (event) => this.#key(event),
      onblur: () => this.#pick(null),
    });
    this.legend = h("div", { class: "legend" });
    this.table = h("details", { class: "chart-table" }, h("summary", {}, "As a table"), h("div"));
    this.table.addEventListener("toggle", () => this.#tabulate());
    put(this, this.plot, this.legend, this.table);
    this.watcher = new ResizeObserver(() => this.#draw());
    this.watcher.observe(this.plot);
  }

  disconnectedCallback() {
    this.watcher?.disconnect();
  }

  show(history, marks, range) {
    this.#history = history;
    this.#marks = marks;
    this.#range = range;
    this.#draw();
    this.#tabulate();
  }

  #x(at) {
    const [from, to] = this.#range;
    return PAD.left + ((at - from) / (to - from)) * (this.wide - PAD.left - PAD.right);
  }
  #y(value, most) {
    return HEIGHT - PAD.bottom - (value / most) * (HEIGHT - PAD.top - PAD.bottom);
  }

  #draw() {
    this.wide = this.plot.clientWidth;
    if (!this.#history || !this.wide) return;
    const { at, backlog, rate, size } = this.#history;
    const most = (list) => Math.max(1, ...list.filter((value) => value !== null));
    this.most = { backlog: nice(most(backlog)), rate: nice(most(rate)), size: nice(most(size) * 1.6) };
    const bottom = HEIGHT - PAD.bottom;
    const line = (list, top) => this.#path(at, list, (value) => this.#y(value, top));
    const lines = [0.25, 0.5, 0.75, 1].map((part) =>
      s("line", { class: "grid", x1: PAD.left, x2: this.wide - PAD.right, y1: this.#y(part, 1), y2: this.#y(part, 1) }),
    );
    const [from, to] = this.#range;
    const long = to - from > 26 * 3600_000;
    const times = Array.from({ length: LABELS }, (_, n) => from + ((to - from) * n) / (LABELS - 1));
    const labels = times.map((time, n) =>
      s(
        "text",
        {
          class: "tick",
          x: this.#x(time),
          y: HEIGHT - 6,
          "text-anchor": n === 0 ? "start" : n === LABELS - 1 ? "end" : "middle",
        },
        long ? new Date(time).toLocaleDateString("en", { day: "numeric", month: "short" }) : clock(time),
      ),
    );
    const marks = this.#marks
      .filter((mark) => mark.at >= from && mark.at <= to)
      .map((mark) =>
        s(
          "g",
          { class: "mark-line", onclick: () => this.dispatchEvent(new CustomEvent("mark", { detail: mark.key })) },
          s("line", { x1: this.#x(mark.at), x2: this.#x(mark.at), y1: PAD.top - 6, y2: bottom }),
          s("circle", { cx: this.#x(mark.at), cy: PAD.top - 8, r: 4 }),
          s("title", {}, `${clockExact(mark.at)} ${mark.text}`),
        ),
      );
    this.cross = s("g", { class: "cross" });
    put(
      this.plot,
      s(
        "svg",
        { width: this.wide, height: HEIGHT, viewBox: `0 0 ${this.wide} ${HEIGHT}`, "aria-hidden": "true" },
        ...lines,
        s("path", { class: "area size", d: this.#steps(at, size) }),
        s("path", { class: "trace rate", d: line(rate, this.most.rate) }),
        s("path", { class: "trace backlog", d: line(backlog, this.most.backlog) }),
        ...marks,
        ...labels,
        s(
          "text",
          { class: "tick", x: PAD.left + 2, y: PAD.top + 10 },
          at.length ? `${number(this.most.backlog)} waiting` : "Nothing is known of this time",
        ),
        this.cross,
      ),
    );
    this.#say(at.length - 1);
  }

  /** A line with gaps where nothing is known. */
  #path(at, list, y) {
    let pen = "M";
    return list
      .map((value, n) => {
        if (value === null) {
          pen = "M";
          return "";
        }
        const point = `${pen}${this.#x(at[n]).toFixed(1)} ${y(value).toFixed(1)}`;
        pen = "L";
        return point;
      })
      .join("");
  }

  /** Steps over the ground, one shape for as long as something is known. */
  #steps(at, list) {
    const bottom = HEIGHT - PAD.bottom;
    return list
      .map((value, n) => {
        if (value === null) return "";
        const isFirst = n === 0 || list[n - 1] === null;
        const isLast = n + 1 === list.length || list[n + 1] === null;
        const from = isFirst ? `M${this.#x(at[n])} ${bottom}` : "";
        return `${from}V${this.#y(value, this.most.size)}H${this.#x(at[n + 1] ?? at[n])}${isLast ? `V${bottom}Z` : ""}`;
      })
      .join("");
  }

  #say(n) {
    const { at, backlog, rate, size } = this.#history;
    const known = (value, text) => (value === null || value === undefined ? "–" : text(value));
    const item = (className, word, text) =>
      h(
        "span",
        { class: "legend-item" },
        s(
          "svg",
          { class: `swatch ${className}`, width: 22, height: 10, "aria-hidden": "true" },
          className === "size" ? s("rect", { width: 22, height: 10 }) : s("line", { x1: 0, x2: 22, y1: 5, y2: 5 }),
        ),
        `${word} `,
        h("strong", { class: "num" }, text),
      );
    const texts = [
      known(backlog[n], number),
      known(rate[n], (value) => `${value.toFixed(1)}/s`),
      known(size[n], number),
    ];
    put(
      this.legend,
      item("backlog", "waiting", texts[0]),
      item("rate", "done", texts[1]),
      item("size", "in service", texts[2]),
      this.#at !== null ? h("span", { class: "muted num" }, clockExact(at[n])) : null,
    );
    this.plot.setAttribute(
      "aria-label",
      `Fleet over time. ${at[n] ? clockExact(at[n]) : "Now"}: ${texts[0]} waiting, ${texts[1]} done, ${texts[2]} in service. Arrows read it off; the table says the same.`,
    );
  }

  #pick(n) {
    this.#at = n;
    if (!this.cross || !this.#history) return;
    put(this.cross);
    if (n === null) {
      this.#say(this.#history.at.length - 1);
      return;
    }
    const { at, backlog, rate } = this.#history;
    const x = this.#x(at[n]);
    this.cross.append(s("line", { x1: x, x2: x, y1: PAD.top, y2: HEIGHT - PAD.bottom }));
    for (const [name, list] of [
      ["backlog", backlog],
      ["rate", rate],
    ])
      if (list[n] !== null)
        this.cross.append(s("circle", { class: name, cx: x, cy: this.#y(list[n], this.most[name]), r: 4 }));
    this.#say(n);
  }

  #point(event) {
    const { at } = this.#history ?? {};
    if (!at?.length) return;
    const box = this.plot.getBoundingClientRect();
    const [from, to] = this.#range;
    const time = from + ((event.clientX - box.left - PAD.left) / (box.width - PAD.left - PAD.right)) * (to - from);
    let near = 0;
    at.forEach((one, n) => {
      if (Math.abs(one - time) < Math.abs(at[near] - time)) near = n;
    });
    this.#pick(near);
  }

  #key(event) {
    const last = (this.#history?.at.length ?? 0) - 1;
    if (last < 0) return;
    const now = this.#at ?? last;
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last, PageUp: now - 10, PageDown: now + 10 }[
      event.key
    ];
    if (to === undefined) return;
    event.preventDefault();
    this.#pick(Math.max(0, Math.min(last, to)));
  }

  #tabulate() {
    if (!this.table.open || !this.#history) return;
    const { at, backlog, rate, size } = this.#history;
    const every = Math.max(1, Math.ceil(at.length / TABLE_ROWS));
    const cell = (value) => h("td", { class: "num" }, value === null ? "–" : String(Math.round(value * 10) / 10));
    const rows = at
      .map((time, n) => n)
      .filter((n) => n % every === 0 || n === at.length - 1)
      .reverse();
    put(
      this.table.lastChild,
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["Time", "Waiting", "Done a second", "In service"].map((text) => h("th", { scope: "col" }, text)),
          ),
        ),
        h(
          "tbody",
          {},
          rows.map((n) =>
            h(
              "tr",
              {},
              h("th", { scope: "row", class: "num" }, clockExact(at[n])),
              cell(backlog[n]),
              cell(rate[n]),
              cell(size[n]),
            ),
          ),
        ),
      ),
    );
  }
}

/** The next round number. */
function nice(n) {
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 4, 5, 8, 10].map((step) => step * power).find((step) => step >= n * 1.05) ?? 10 * power;
}

customElements.define("px-chart", Chart);
