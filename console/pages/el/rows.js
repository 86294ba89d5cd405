// Long lists: only what is in view is in the page, whether as rows or as tiles. The page itself
// scrolls. The row that has the focus stays, wherever it is.
import { h, put } from "../lib/dom.js";

const AHEAD_PX = 600;

/** `<px-rows>`: call `list` once, and `refresh` when something has changed. */
class Rows extends HTMLElement {
  #shown = new Map();
  #what = null;
  #at = 0;
  #due = false;
  #leaving = null;

  connectedCallback() {
    this.#leaving = new AbortController();
    const options = { passive: true, signal: this.#leaving.signal };
    addEventListener("scroll", () => this.refresh(), options);
    this.#watch = new ResizeObserver(() => this.refresh());
    this.#watch.observe(this);
    const { signal } = this.#leaving;
    this.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.addEventListener(
      "focusin",
      (event) => {
        const row = event.target.closest("[data-index]");
        if (row) this.#at = Number(row.dataset.index);
      },
      { signal },
    );
  }

  disconnectedCallback() {
    this.#leaving.abort();
    this.#watch.disconnect();
  }
  #watch;

  /**
   * @param {{label: string, height: number, tile?: number, count: number,
   *   about: (index: number) => string, cells: (index: number) => any[], want?: (first: number, last: number) => void,
   *   open?: (index: number, event: Event) => void, className?: (index: number) => string}} what
   *   `about` says in one text all that `cells` shows: while it stays, a row is left as it is.
   *   `tile` is the least width of a tile; without it there are rows.
   */
  list(what) {
    this.#what = what;
    this.#shown.clear();
    put(this);
    this.setAttribute("role", "grid");
    this.setAttribute("aria-label", what.label);
    this.classList.toggle("tiles", Boolean(what.tile));
    this.#draw();
  }

  set count(count) {
    this.#what.count = count;
    this.refresh();
  }
  get focused() {
    return this.contains(document.activeElement) ? this.#at : -1;
  }

  refresh() {
    if (this.#due || !this.#what) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      if (this.isConnected) this.#draw();
    });
  }

  get #columns() {
    return this.#what.tile ? Math.max(1, Math.floor((this.clientWidth + 12) / (this.#what.tile + 12))) : 1;
  }

  #draw() {
    const { count, height, about, cells, want, className } = this.#what;
    const columns = this.#columns;
    const top = this.getBoundingClientRect().top;
    const lines = Math.ceil(count / columns);
    const first = Math.max(0, Math.floor((-top - AHEAD_PX) / height)) * columns;
    const last = Math.min(count, Math.ceil((innerHeight - top + AHEAD_PX) / height) * columns);
    this.style.height = `${lines * height}px`;
    this.setAttribute("aria-rowcount", count);
    for (const [index, row] of this.#shown) {
      const kept = (index >= first && index < last) || (row.contains(document.activeElement) && index < count);
      if (!kept) {
        row.remove();
        this.#shown.delete(index);
      }
    }
    for (let index = first; index < last; index += 1) {
      const text = about(index);
      let row = this.#shown.get(index);
      if (!row) {
        row = h("div", {
          role: "row",
          class: "row",
          "data-index": index,
          "aria-rowindex": index + 1,
          onclick: (event) => {
            if (!event.target.closest("button, a, input")) this.#what.open?.(index, event);
          },
        });
        this.#shown.set(index, row);
        this.append(row);
      }
      row.tabIndex = index === this.#at || (this.#at >= count && index === first) ? 0 : -1;
      const width = this.clientWidth / columns;
      row.style.transform = `translate(${(index % columns) * width}px, ${Math.floor(index / columns) * height}px)`;
      row.style.width = `${width}px`;
      row.style.height = `${height}px`;
      if (row.text === text) continue;
      row.text = text;
      const focused =
        row.contains(document.activeElement) && document.activeElement !== row
          ? document.activeElement.dataset.act
          : null;
      row.className = `row ${className?.(index) ?? ""}`;
      put(
        row,
        cells(index)
          .filter(Boolean)
          .map((cell) => h("div", { role: "gridcell", class: cell.className ?? "" }, cell.content ?? cell)),
      );
      if (focused) (row.querySelector(`[data-act="${focused}"]`) ?? row).focus();
    }
    if (!this.#shown.has(this.#at) && this.#shown.size) this.#shown.values().next().value.tabIndex = 0;
    if (count) want?.(first, last);
  }

  /** Puts the focus on a row, and the row into view. */
  focusOn(index) {
    const { count, height } = this.#what;
    if (!count) return;
    this.#at = Math.max(0, Math.min(count - 1, index));
    const top = this.getBoundingClientRect().top + Math.floor(this.#at / this.#columns) * height;
    if (top < 80 || top + height > innerHeight - 90) scrollBy(0, top - innerHeight / 2);
    this.#draw();
    this.#shown.get(this.#at)?.focus({ preventScroll: true });
  }

  #key(event) {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const columns = this.#columns;
    const steps = {
      ArrowDown: columns,
      ArrowUp: -columns,
      ArrowRight: columns > 1 ? 1 : 0,
      ArrowLeft: columns > 1 ? -1 : 0,
      PageDown: 10 * columns,
      PageUp: -10 * columns,
      Home: -this.#what.count,
      End: this.#what.count,
    };
    if (steps[event.key]) {
      event.preventDefault();
      this.focusOn(this.#at + steps[event.key]);
    }
    if (event.key === "Enter" && event.target.matches("[role=row]")) {
      event.preventDefault();
      this.#what.open?.(this.#at, event);
    }
  }
}
customElements.define("px-rows", Rows);
