// Before and after in one place: two pictures over each other, and a line that is moved across.
import { h, put } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { segments } from "./segments.js";

const MODES = [
  ["before", "Before"],
  ["split", "Split"],
  ["after", "After"],
];
const ZOOMS = [
  ["1", "Fit"],
  ["2", "2×"],
  ["4", "4×"],
];
const REACH = 28;

/** `<px-compare>`: give it `before` and `after` addresses. Dragging is never needed. */
class Compare extends HTMLElement {
  #at = 50;
  #mode = "split";
  #held = false;
  #zoom = 1;
  #pan = [0, 0];
  #drag = null;

  connectedCallback() {
    if (this.stage) return;
    const picture = (kind) =>
      h("img", { class: kind, alt: kind === "under" ? "After" : "Before", draggable: "false", decoding: "async" });
    this.under = picture("under");
    this.over = picture("over");
    this.range = h("input", {
      class: "sr",
      type: "range",
      min: 0,
      max: 100,
      step: 1,
      value: 50,
      "aria-label": "Before and after",
      oninput: () => this.move(Number(this.range.value)),
      onkeydown: (event) => this.#key(event),
    });
    this.bar = h("div", { class: "load", hidden: true });
    this.stage = h(
      "div",
      {
        class: "well compare",
        onpointerdown: (event) => this.#down(event),
        onpointermove: (event) => this.#moved(event),
        onpointerup: () => {
          this.#drag = null;
        },
        onwheel: (event) => this.#wheel(event),
      },
      h("div", { class: "layer" }, this.under, this.over),
      h("div", { class: "cut", "aria-hidden": "true" }, h("span", { class: "knob" }, icon("left"), icon("right"))),
      h("span", { class: "tag one", "aria-hidden": "true" }, "Before"),
      h("span", { class: "tag two", "aria-hidden": "true" }, "After"),
      this.bar,
      this.range,
    );
    this.stage.addEventListener(
      "touchmove",
      (event) => {
        if (this.#zoom > 1) event.preventDefault();
      },
      { passive: false },
    );
    this.modes = segments({ "aria-label": "Shown" }, MODES, (mode) => {
      this.mode = mode;
    });
    const zooms = segments({ "aria-label": "Zoom" }, ZOOMS, (zoom) => this.zoom(Number(zoom)));
    this.addEventListener("zoom", ({ detail }) => zooms.choose(String(detail)));
    zooms.choose("1");
    put(
      this,
      this.stage,
      h("div", { class: "line compare-bar" }, this.modes, zooms, h("div", { class: "grow line facts" })),
    );
    this.facts = this.querySelector(".facts");
    this.move(50);
    this.#show();
  }

  /** An address replaces the old picture once it has loaded, so that nothing flickers. */
  set before(url) {
    this.#load(this.over, url);
  }
  set after(url) {
    this.#load(this.under, url);
  }
  #load(image, url) {
    if (image.want === url) return;
    image.want = url;
    if (!url) {
      image.removeAttribute("src");
      image.hidden = true;
      return;
    }
    const next = new Image();
    const done = () => {
      if (image.want === url) {
        image.src = url;
        image.hidden = false;
      }
    };
    next.onload = done;
    next.onerror = () => {
      if (image.want === url) {
        image.hidden = true;
        this.dispatchEvent(new CustomEvent("unshowable", { detail: image === this.over ? "before" : "after" }));
      }
    };
    next.src = url;
  }

  set busy(on) {
    this.bar.hidden = !on;
  }

  get mode() {
    return this.#mode;
  }
  set mode(mode) {
    this.#mode = mode;
    this.#show();
  }

  /** The original, for as long as the key of this event is held. */
  hold({ code }) {
    const holding = new AbortController();
    this.#held = true;
    this.#show();
    const end = () => {
      holding.abort();
      this.#held = false;
      this.#show();
    };
    addEventListener("keyup", (up) => up.code === code && end(), { signal: holding.signal });
    addEventListener("blur", end, { signal: holding.signal });
  }

  #show() {
    this.stage.dataset.mode = this.#held ? "before" : this.#mode;
    this.modes.choose(this.#mode);
  }

  /** Where the line is, in percent from the left. */
  move(at) {
    this.#at = Math.max(0, Math.min(100, at));
    this.stage.style.setProperty("--at", `${this.#at}%`);
    this.range.value = String(Math.round(this.#at));
    this.range.setAttribute("aria-valuetext", `${Math.round(this.#at)} % before`);
  }

  #key(event) {
    const steps = { PageUp: 10, PageDown: -10 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.move(this.#at + steps[event.key]);
  }

  #down(event) {
    if (event.button !== 0) return;
    const box = this.stage.getBoundingClientRect();
    const near = Math.abs(event.clientX - box.left - (box.width * this.#at) / 100) < REACH;
    const slides = this.#zoom === 1 || near;
    this.stage.setPointerCapture(event.pointerId);
    this.#drag = { slides, x: event.clientX, y: event.clientY, pan: [...this.#pan] };
    if (slides) {
      if (this.#mode !== "split") this.mode = "split";
      this.#moved(event);
      this.range.focus({ preventScroll: true });
    }
  }

  #moved(event) {
    if (!this.#drag) return;
    const box = this.stage.getBoundingClientRect();
    if (this.#drag.slides) this.move(((event.clientX - box.left) / box.width) * 100);
    else {
      this.#pan = [this.#drag.pan[0] + event.clientX - this.#drag.x, this.#drag.pan[1] + event.clientY - this.#drag.y];
      this.#place();
    }
  }

  #wheel(event) {
    if (!event.ctrlKey && this.#zoom === 1) return;
    event.preventDefault();
    this.zoom(this.#zoom * Math.exp(-event.deltaY / 300), event);
  }

  zoom(to, around) {
    const box = this.stage.getBoundingClientRect();
    const next = Math.max(1, Math.min(8, to));
    const [x, y] = around
      ? [around.clientX - box.left - box.width / 2, around.clientY - box.top - box.height / 2]
      : [0, 0];
    this.#pan = [x - ((x - this.#pan[0]) * next) / this.#zoom, y - ((y - this.#pan[1]) * next) / this.#zoom];
    this.#zoom = next;
    if (next === 1) this.#pan = [0, 0];
    this.#place();
    this.dispatchEvent(new CustomEvent("zoom", { detail: next }));
  }

  #place() {
    const box = this.stage.getBoundingClientRect();
    const most = [((this.#zoom - 1) * box.width) / 2, ((this.#zoom - 1) * box.height) / 2];
    this.#pan = this.#pan.map((p, i) => Math.max(-most[i], Math.min(most[i], p)));
    for (const image of [this.under, this.over])
      image.style.transform = `translate(${this.#pan[0]}px, ${this.#pan[1]}px) scale(${this.#zoom})`;
    this.stage.toggleAttribute("data-zoomed", this.#zoom > 1);
  }
}
customElements.define("px-compare", Compare);
