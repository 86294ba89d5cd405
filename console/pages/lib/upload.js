// Pictures on their way to a batch: in pieces, three at once, again after an outage, and on where it
// was after a reload.
import { ask, at, batchPath, isMissing, Problem } from "./api.js";
import { tell } from "./live.js";
import { get, kept, set, update } from "./store.js";
import { stamp } from "./pictures.js";

const LINES = 3;
const PIECE_PICTURES = 25;
const PIECE_BYTES = 16_000_000;
const LONGEST_PAUSE_MS = 15_000;

/** An identifier that sorts by time, as the server makes them. */
export function freshId(now = Date.now()) {
  const random = crypto.getRandomValues(new Uint8Array(10));
  random[0] = (random[0] & 0x0f) | 0x70;
  random[2] = (random[2] & 0x3f) | 0x80;
  const hex =
    now.toString(16).padStart(12, "0") + [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What is known of batches that were sent from this browser, by id: name, recipe, how many, which came. */
export const sent = (batch) => kept.get(`batch.${batch}`);
export const nameOf = (batch) => batch.name ?? sent(batch.batch)?.name ?? null;

function note(batch, change) {
  kept.set(`batch.${batch}`, { ...sent(batch), ...change });
  const list = kept.get("batches", []).filter((id) => id !== batch);
  list.push(batch);
  // The oldest notes go: names of batches are a help, not a record.
  while (list.length > 200) kept.set(`batch.${list.shift()}`, null);
  kept.set("batches", list);
}

/**
 * Sends pictures as a batch, and goes on with one that was interrupted if `batch` is given.
 * What happens is in the store: `upload` {batch, sent, total, bytes, allBytes, problem, ended}.
 */
export async function send(pictures, recipe, name, batch = freshId()) {
  const there = new Set(sent(batch)?.stamps ?? []);
  const left = pictures.filter((picture) => !there.has(stamp(picture)));
  note(batch, { name, recipe, total: sent(batch)?.total ?? pictures.length, stamps: [...there], open: true });
  const total = sent(batch).total;
  set("upload", {
    batch,
    sent: there.size,
    total,
    bytes: 0,
    allBytes: left.reduce((sum, picture) => sum + picture.file.size, 0),
    problem: null,
    ended: false,
  });
  const pieces = cut(left);
  const growing = await patiently(() =>
    ask("POST", "batches", { body: { batch, name: name.slice(0, 60), recipe, expected: total } }),
  ).then(
    () => true,
    (error) => {
      // An older server knows only batches of single requests; one that is open already is gone on with.
      if (isMissing(error) || error.code === "conflict") return error.code === "conflict";
      update("upload", (upload) => ({ ...upload, problem: error, ended: true }));
      throw error;
    },
  );
  const line = async () => {
    for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
      await patiently(() => post(piece, recipe, batch));
      for (const picture of piece) there.add(stamp(picture));
      note(batch, { stamps: [...there] });
      update("upload", (upload) => ({ ...upload, sent: there.size }));
    }
  };
  try {
    await Promise.all(Array.from({ length: LINES }, line));
    if (growing) await seal(batch);
    note(batch, { open: false, stamps: [] });
    update("upload", (upload) => ({ ...upload, ended: true }));
  } catch (error) {
    pieces.length = 0;
    update("upload", (upload) => ({ ...upload, problem: error, ended: true }));
    throw error;
  }
  return batch;
}

function cut(pictures) {
  const pieces = [];
  let piece = [];
  let size = 0;
  for (const picture of pictures) {
    if (piece.length && (piece.length >= PIECE_PICTURES || size + picture.file.size > PIECE_BYTES)) {
      pieces.push(piece);
      piece = [];
      size = 0;
    }
    piece.push(picture);
    size += picture.file.size;
  }
  if (piece.length) pieces.push(piece);
  return pieces;
}

/** Says of a batch that this was all of it. */
export async function seal(batch) {
  const answer = await patiently(() => ask("PATCH", batchPath(batch), { body: { sealed: true } }));
  tell("batch", await answer.json());
}

/** Tries until it is done; gives up only where trying again leads nowhere. */
async function patiently(run) {
  for (let pause = 500; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await run();
    } catch (error) {
      const passes = error.code === "offline" || error.status === 503 || error.status === 408;
      if (!passes) throw error;
      await new Promise((done) => {
        setTimeout(done, pause);
        addEventListener("online", done, { once: true });
      });
    }
  }
}

/** By XMLHttpRequest, as `fetch` does not tell how far a body is. */
function post(piece, recipe, batch) {
  const form = new FormData();
  form.append("recipe", recipe);
  form.append("batch", batch);
  for (const picture of piece) form.append("image", picture.file, picture.name);
  let before = 0;
  const far = (bytes) => {
    const more = bytes - before;
    before = bytes;
    update("upload", (upload) => ({ ...upload, bytes: Math.max(0, upload.bytes + more) }));
  };
  return new Promise((good, bad) => {
    const request = new XMLHttpRequest();
    request.open("POST", at("jobs"));
    request.upload.onprogress = (event) => far(event.loaded);
    request.onerror = () => {
      far(0);
      bad(new Problem("offline", "The server does not answer."));
    };
    request.onload = () => {
      if (request.status < 300) {
        good();
        return;
      }
      far(0);
      let said = {};
      try {
        said = JSON.parse(request.responseText);
      } catch {
        /* A proxy's own page. */
      }
      bad(
        new Problem(said.code ?? `http_${request.status}`, said.detail ?? request.statusText, {
          ...said,
          status: request.status,
        }),
      );
    };
    request.send(form);
  });
}

addEventListener("beforeunload", (event) => {
  if (get("upload") && !get("upload").ended) event.preventDefault();
});
