// The pictures that were chosen in this tab, kept through a reload in the browser's own store, and
// gone from there when they are sent or removed.
import { debounced } from "./dom.js";
import { choose, pictures } from "./pictures.js";
import { watch } from "./store.js";

/** More than this is not copied; whoever chose it chooses it again. */
const MOST_BYTES = 256_000_000;
const DAY_MS = 86_400_000;
const STORE = "chosen";

const tab = () => (sessionStorage["pixmill.tab"] ??= String(Math.random()));

const database = () =>
  new Promise((good, bad) => {
    const opening = indexedDB.open("pixmill", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => good(opening.result);
    opening.onerror = () => bad(opening.error);
  });

/** Asks the store for one thing. */
async function ask(mode, question) {
  const opened = await database();
  try {
    return await new Promise((good, bad) => {
      const asked = question(opened.transaction(STORE, mode).objectStore(STORE));
      asked.onsuccess = () => good(asked.result);
      asked.onerror = () => bad(asked.error);
    });
  } finally {
    opened.close();
  }
}

async function save() {
  const files = pictures().map(({ file, path }) => ({ file, path }));
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  const keeps = files.length > 0 && bytes <= MOST_BYTES;
  // A full or forbidden store: they are not kept.
  await ask("readwrite", (store) => (keeps ? store.put({ at: Date.now(), files }, tab()) : store.delete(tab()))).catch(
    () => {},
  );
}

/** Forgets what tabs left behind that are long gone. */
async function clear() {
  for (const key of await ask("readonly", (store) => store.getAllKeys())) {
    const kept = await ask("readonly", (store) => store.get(key));
    if (kept.at < Date.now() - DAY_MS) await ask("readwrite", (store) => store.delete(key));
  }
}

/** Brings back what this tab had, and keeps what is chosen from now on. */
export async function keepPictures() {
  const kept = await ask("readonly", (store) => store.get(tab())).catch(() => null);
  if (kept && !pictures().length) choose(kept.files, true);
  watch(["pictures"], debounced(save, 300));
  clear().catch(() => {});
}
