// A long list of the server, page by page: as far as somebody looks, and anew where they look.

const PAGE = 200;

/** @template T */
export class Pager {
  /** @type {T[]} */ items = [];
  total = null;
  #fetch;
  #id;
  #cursors = [undefined];
  #next = undefined;
  #ended = false;
  #loading = null;
  #generation = 0;

  /**
   * @param {(after: string|undefined, limit: number) => Promise<{items: T[], next: string|null, total: number|null}>} fetch
   * @param {(item: T) => string} id
   */
  constructor(fetch, id) {
    this.#fetch = fetch;
    this.#id = id;
  }

  get ended() {
    return this.#ended;
  }
  /** How many there are, as far as is known. */
  get count() {
    return this.#ended ? this.items.length : Math.max(this.total ?? 0, this.items.length);
  }
  find(id) {
    return this.items.findIndex((item) => this.#id(item) === id);
  }

  /** Reads on until there is a row of this number, or no more. */
  async need(index) {
    while (!this.#ended && this.items.length <= index) {
      this.#loading ??= this.#more().finally(() => {
        this.#loading = null;
      });
      await this.#loading;
    }
  }

  async #more() {
    const generation = this.#generation;
    const page = await this.#fetch(this.#next, PAGE);
    if (generation !== this.#generation) return;
    this.items.push(...page.items);
    this.total = page.total;
    this.#ended = !page.next;
    if (page.next) {
      this.#next = page.next;
      this.#cursors.push(page.next);
    }
  }

  /**
   * Reads again what the rows from `first` to `last` are on. Gives how many rows would be new there;
   * with `hold` those stay out, so that nothing moves under a pointer.
   */
  async again(first, last, hold = false) {
    const generation = this.#generation;
    const from = Math.floor(first / PAGE);
    const to = Math.min(Math.floor(Math.max(first, last - 1) / PAGE), this.#cursors.length - 1);
    let fresh = 0;
    for (let number = from; number <= to; number += 1) {
      const page = await this.#fetch(this.#cursors[number], PAGE);
      if (generation !== this.#generation) return 0;
      this.total = page.total;
      const start = number * PAGE;
      const before = this.items.slice(start, start + PAGE);
      const same =
        before.length === page.items.length && before.every((item, at) => this.#id(item) === this.#id(page.items[at]));
      // What comes behind the last row moves nothing.
      const grows = before.every((item, at) => page.items[at] && this.#id(item) === this.#id(page.items[at]));
      if (!grows && hold) {
        const known = new Map(page.items.map((item) => [this.#id(item), item]));
        before.forEach((item, at) => {
          this.items[start + at] = known.get(this.#id(item)) ?? item;
        });
        fresh += page.items.filter((item) => !before.some((old) => this.#id(old) === this.#id(item))).length;
        continue;
      }
      this.items.splice(start, PAGE, ...page.items);
      const wasLast = number === this.#cursors.length - 1;
      if (same && !(wasLast && page.next && this.#ended)) continue;
      // What comes after has moved: it is read anew when somebody looks at it.
      this.items.length = start + page.items.length;
      this.#cursors.length = number + 1;
      this.#ended = !page.next;
      this.#next = page.next ?? undefined;
      if (page.next) this.#cursors.push(page.next);
      break;
    }
    return fresh;
  }

  /** Forgets everything. */
  reset() {
    this.#generation += 1;
    this.items = [];
    this.#cursors = [undefined];
    this.#next = undefined;
    this.#ended = false;
    this.#loading = null;
    this.total = null;
  }
}
