// What a recipe makes of one picture, by the kernels that will grind it.
import { ask, send, unlessBusy } from "./api.js";

const KEPT = 8;
const SIDE = 1280;
/** What is shown of a picture that is looked at closely. */
export const CLOSE_SIDE = 2048;
const results = new Map();
const uploaded = new WeakMap();

/** On this machine a picture is simply sent along; over a line it is sent once. */
const isNear = /^(localhost|127\.|\[::1\])/.test(location.hostname);

/**
 * @typedef {{url: string, width: number, height: number, bytes: number | null, exact: boolean,
 *   milliseconds: number, scale: number | null}} Preview
 */

/**
 * One output of a recipe for one picture. The last few are remembered. `full` makes the very output,
 * so that its size is known and not estimated; it takes longer. `side` is the longest that is shown.
 * @returns {Promise<Preview>}
 */
export async function preview(picture, recipe, output, signal, { full = false, side = SIDE } = {}) {
  const key = JSON.stringify([picture.id, recipe, output, full, side]);
  const known = results.get(key);
  if (known) {
    results.delete(key);
    results.set(key, known);
    return known;
  }
  const query = { recipe, output, max_side: side, mode: full ? "full" : null };
  const began = performance.now();
  let body = picture.file;
  if (!isNear) {
    query.source = await source(picture, signal);
    body = undefined;
  }
  const answer = await unlessBusy(
    () =>
      ask("POST", "preview", {
        query,
        body,
        signal,
        headers: body ? { "content-type": "application/octet-stream" } : {},
      }),
    signal,
  );
  const blob = await answer.blob();
  const field = (name) => {
    const value = answer.headers.get(`pixmill-${name}`);
    return value === null ? null : Number(value);
  };
  const timing = answer.headers.get("server-timing")?.match(/dur=([\d.]+)/);
  const bytes = field("bytes") ?? field("estimated-bytes");
  const made = {
    url: URL.createObjectURL(blob),
    width: field("output-width") ?? field("width"),
    height: field("output-height") ?? field("height"),
    bytes,
    exact: field("bytes") !== null,
    milliseconds: timing ? Number(timing[1]) : performance.now() - began,
    scale: field("scale"),
  };
  results.set(key, made);
  for (const [old, { url }] of results) {
    if (results.size <= KEPT) break;
    results.delete(old);
    // A moment later: it may still be shown.
    setTimeout(() => URL.revokeObjectURL(url), 5000);
  }
  return made;
}

async function source(picture, signal) {
  if (!uploaded.has(picture)) {
    const sending = (async () => {
      const { key, link } = await send("uploads", { name: picture.name }, { signal });
      await ask("PUT", new URL(link, new URL("../../", import.meta.url)).href, {
        body: picture.file,
        headers: { "content-type": "application/octet-stream" },
      });
      return key;
    })();
    uploaded.set(picture, sending);
    sending.catch(() => uploaded.delete(picture));
  }
  return uploaded.get(picture);
}
