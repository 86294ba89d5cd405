// Pictures that come from anywhere: dropped, pasted or chosen, files and whole folders.
import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { choose } from "../lib/pictures.js";
import { go, route } from "../lib/route.js";

const veil = h(
  "div",
  { class: "drop-veil", hidden: true },
  h("div", {}, icon("grind"), h("span", {}, "Drop to grind")),
);

/** Whether something is dragged that is shown here: browsers take a picture of a page for a file. */
let isOwn = false;
const hasFiles = (event) => !isOwn && [...(event.dataTransfer?.types ?? [])].includes("Files");

/** Takes what is dropped on any screen, or pasted. */
export function catchDrops() {
  document.body.append(veil);
  let depth = 0;
  // While something is dragged no pointer moves; what was dragged may be gone before it is let go.
  for (const kind of ["dragstart", "dragend", "pointermove"])
    addEventListener(kind, () => (isOwn = kind === "dragstart"), { passive: true });
  addEventListener("dragenter", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
      depth += 1;
      veil.hidden = false;
    }
  });
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  addEventListener("dragleave", (event) => {
    if (hasFiles(event) && --depth <= 0) {
      depth = 0;
      veil.hidden = true;
    }
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    take(read(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(Promise.resolve(files.map((file) => ({ file, path: pasted(file) }))));
  });
}

const pasted = (file) => (file.name === "image.png" ? `pasted-${Date.now() % 100_000}.png` : file.name);

async function take(reading) {
  choose(await reading);
  if (route().screen !== "grind") go("grind");
}

/** The files of a drop with their paths. Entries have to be asked for at once, before anything is awaited. */
async function read(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((good, bad) => entry.file(good, bad)).catch(() => null);
    if (file) found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  // A hundred at a time, until there are none.
  for (;;) {
    const some = await new Promise((good, bad) => reader.readEntries(good, bad)).catch(() => []);
    if (!some.length) return;
    for (const inner of some) await walk(inner, found);
  }
}

/** A hidden input that opens the browser's own dialog; `folder` takes whole folders. */
export function chooser(folder) {
  return h("input", {
    type: "file",
    multiple: true,
    hidden: true,
    accept: folder ? null : "image/*,.tif,.tiff,.bmp",
    webkitdirectory: folder,
    "data-chooser": folder ? "folder" : "pictures",
    onchange: (event) => {
      choose([...event.target.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      event.target.value = "";
    },
  });
}
