// The pictures that were chosen and not sent yet. Refused ones stay, with the reason.
import { bytes, count } from "./format.js";
import { get, set } from "./store.js";
import { toast } from "../el/dialog.js";

/**
 * @typedef {{id: number, file: File, name: string, path: string, problem: string | null}} Picture
 *   `name` is what it is called in its batch: no two are called the same
 */
let ids = 0;

/** @returns {Picture[]} */
export const pictures = () => get("pictures") ?? [];
export const good = () => pictures().filter((picture) => !picture.problem);
export const selected = () =>
  pictures().find((picture) => picture.id === get("selected")) ?? good()[0] ?? pictures()[0] ?? null;

const JUNK = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$)/i;
const PROGRAMS = /\.(svgz?|pdf|e?ps|html?)$/i;

function refused(file) {
  const limit = get("session")?.limits.input_bytes ?? Infinity;
  if (!file.size) return "The file is empty.";
  if (file.size > limit)
    return `It has ${bytes(file.size)}; this server takes ${bytes(limit)} at most. Make it smaller first, or raise --max-input-bytes.`;
  if (PROGRAMS.test(file.name) || file.type === "image/svg+xml")
    return "SVG, PDF and PostScript are programs, not pictures. Export it as PNG first.";
  return null;
}

/** Adds files with their paths; those that are there already are passed over. Says what is wrong, unless `quiet`. */
export function choose(found, quiet = false) {
  const there = new Set(pictures().map(stamp));
  const names = new Set(pictures().map((picture) => picture.name));
  const fresh = [];
  for (const { file, path } of found) {
    if (JUNK.test(path)) continue;
    const picture = { id: ++ids, file, path, name: free(path, names), problem: refused(file) };
    if (there.has(stamp(picture))) continue;
    there.add(stamp(picture));
    names.add(picture.name);
    fresh.push(picture);
  }
  if (!fresh.length) {
    toast(found.length ? "These are there already." : "There is no file in it.");
    return;
  }
  set("pictures", [...pictures(), ...fresh]);
  const bad = fresh.filter((picture) => picture.problem);
  if (!get("selected") || !pictures().some((picture) => picture.id === get("selected")))
    set("selected", (fresh.find((one) => !one.problem) ?? fresh[0]).id);
  if (bad.length && !quiet)
    toast(`${count(bad.length, "file")} cannot be ground: ${bad[0].file.name}: ${bad[0].problem}`);
}

/** What is the same file: by it an interrupted upload goes on. */
export const stamp = ({ path, file }) => `${path}|${file.size}|${file.lastModified}`;

/** A name that no other has: `a.jpg`, `June-a.jpg` if it is in a folder, `a-2.jpg`. */
function free(path, taken) {
  const parts = path.split("/");
  const own = parts.at(-1);
  if (!taken.has(own)) return own;
  const foldered = parts.slice(-2).join("-");
  if (!taken.has(foldered)) return foldered;
  const [, stem, dot] = foldered.match(/^(.*?)(\.[^.]*)?$/s);
  for (let n = 2; ; n += 1) if (!taken.has(`${stem}-${n}${dot ?? ""}`)) return `${stem}-${n}${dot ?? ""}`;
}

/** Takes some away; if that which is looked at is among them, the next one is looked at. */
export function remove(ids) {
  const before = pictures();
  const gone = new Set(ids);
  const stays = (picture) => !gone.has(picture.id);
  const at = before.indexOf(selected());
  set("selected", (before.slice(at).find(stays) ?? before.slice(0, at).findLast(stays))?.id);
  set("pictures", before.filter(stays));
  toast(
    gone.size === 1
      ? `${before.find((one) => gone.has(one.id)).name} removed`
      : `${count(gone.size, "picture")} removed`,
    () => set("pictures", before),
  );
}

/** What a batch of them is called: their folder, or the first of them. */
export function title(list) {
  const folders = new Set(list.map((picture) => picture.path.split("/").slice(0, -1)[0] ?? ""));
  const [folder] = folders;
  if (folders.size === 1 && folder) return folder;
  const stem = list[0].name.replace(/\.[^.]*$/, "");
  return list.length === 1 ? stem : `${stem} and ${list.length - 1} more`;
}
