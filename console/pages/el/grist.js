// The grist bar: a cell for each picture of a batch, so that one sees the mill work and where it
// stumbles. Whoever cannot see it has the number, and the rows.
import { h, put } from "../lib/dom.js";
import { percent } from "../lib/format.js";
import { isBad } from "./badge.js";

const GAP = 1;
const LEAST = 3;

/** `<px-grist>`: give it counts and what is known of single cells; `cell` says which was clicked. */
class Grist extends HTMLElement {
  #batch = null;
  #states = [];

  connectedCallback() {
    if (this.canvas) return;
    this.canvas = h("canvas", { "aria-hidden": "true", onclick: (event) => this.#click(event) });
    // Colours of the theme, as a canvas can use them.
    this.probes = ["pending", "running", "done", "failed", "dead"].map((state) => h("i", { class: state }));
    put(this, this.canvas, this.probes);
    this.setAttribute("role", "progressbar");
    this.setAttribute("aria-label", "Pictures that have ended");
    new ResizeObserver(() => this.#draw()).observe(this);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    addEventListener("themechange", () => this.#draw());
  }

  /** @param {{jobs: number, done: number, failed: number, dead: number}} batch @param {(string|undefined)[]} states of the cells that are known, in their order */
  show(batch, states) {
    this.#batch = batch;
    this.#states = states;
    const ended = batch.done + batch.failed + batch.dead;
    this.setAttribute("aria-valuemin", 0);
    this.setAttribute("aria-valuemax", Math.max(1, batch.jobs));
    this.setAttribute("aria-valuenow", ended);
    this.setAttribute(
      "aria-valuetext",
      `${percent(ended, batch.jobs)} %: ${batch.done} done, ${batch.failed + batch.dead} failed, ${batch.jobs - ended} left`,
    );
    this.#draw();
  }

  /** What each cell shows: what is known, then the counts over those of which nothing is. */
  #cells() {
    const { jobs, done, failed, dead } = this.#batch;
    const left = { done, failed, dead };
    const cells = Array.from({ length: jobs }, (_, index) => this.#states[index]);
    for (const state of cells) if (state in left) left[state] -= 1;
    return cells.map((state) => {
      if (state) return state;
      const next = ["done", "failed", "dead"].find((name) => left[name] > 0);
      if (next) left[next] -= 1;
      return next ?? "pending";
    });
  }

  #draw() {
    if (!this.#batch || !this.clientWidth) return;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [this.clientWidth, this.clientHeight];
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const cells = this.#cells();
    if (!cells.length) return;
    // More lines, until cells are wide enough to be seen.
    let lines = 1;
    while ((width * lines) / cells.length < LEAST && lines < 6) lines += 1;
    this.across = Math.ceil(cells.length / lines);
    this.lines = lines;
    const [w, tall] = [width / this.across, height / lines];
    const colors = Object.fromEntries(this.probes.map((probe) => [probe.className, getComputedStyle(probe).color]));
    const gap = w > LEAST ? GAP : 0;
    cells.forEach((state, index) => {
      pen.fillStyle = colors[state] ?? colors.pending;
      const [x, y] = [(index % this.across) * w, Math.floor(index / this.across) * tall];
      pen.fillRect(x, y, Math.max(0.5, w - gap), tall - (lines > 1 ? 1 : 0));
      // A notch, so that colours are not needed to see it.
      if (isBad({ state })) pen.clearRect(x, y, Math.max(0.5, w - gap), tall * 0.36);
    });
  }

  #click(event) {
    if (!this.across) return;
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.across);
    const line = Math.floor(((event.clientY - box.top) / box.height) * this.lines);
    const index = line * this.across + column;
    if (index < this.#batch.jobs) this.dispatchEvent(new CustomEvent("cell", { detail: index }));
  }
}
customElements.define("px-grist", Grist);
