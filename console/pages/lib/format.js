// Numbers, sizes and times as people read them.

const MINUS = "\u2212";
const plain = new Intl.NumberFormat("en");

export const number = (n) => plain.format(n);

/** `3 pictures`, `1 picture`. */
export const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

export function bytes(n) {
  if (n === null || n === undefined) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (n >= 999.5 && at < units.length - 1) {
    n /= 1000;
    at += 1;
  }
  return `${at === 0 || n >= 99.5 ? Math.round(n) : n.toFixed(1).replace(/\.0$/, "")} ${units[at]}`;
}

/** How much smaller: `−92 %`, `+8 %`. */
export function change(from, to) {
  if (!from || to === null || to === undefined) return "";
  const percent = Math.round((to / from - 1) * 100);
  return percent <= 0 ? `${MINUS}${-percent} %` : `+${percent} %`;
}

export function percent(part, whole) {
  // Never 100 before the end.
  return whole ? Math.min(part >= whole ? 100 : 99, Math.round((part / whole) * 100)) : 0;
}

/** Seconds in a word or two: `0.31 s`, `12 s`, `1 h 12 min`. */
export function seconds(n) {
  if (n === null || n === undefined || !Number.isFinite(n)) return "";
  if (n < 0.995) return `${n.toFixed(2)} s`;
  if (n < 9.95) return `${n.toFixed(1)} s`;
  if (n < 100) return `${Math.round(n)} s`;
  const minutes = Math.round(n / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} d`;
}

const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const time = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hour12: false });
const exact = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export const clock = (at) => time.format(new Date(at));
export const clockExact = (at) => exact.format(new Date(at));

/** When something was: the time of today, the day of others. */
export function when(at) {
  if (!at) return "";
  const date = new Date(at);
  return date.toDateString() === new Date().toDateString()
    ? time.format(date)
    : `${day.format(date)}, ${time.format(date)}`;
}

export const since = (at, now = Date.now()) => seconds(Math.max(0, (now - new Date(at).getTime()) / 1000));

export const size = (w, h) => (w && h ? `${w} × ${h}` : "");

/** A code as words: `not_a_picture` → `not a picture`. */
export const words = (code) => String(code ?? "").replaceAll("_", " ");

/** An id as people can tell it from others: the beginning of a hash, the end of what begins with the time. */
export const shortId = (id) =>
  id.replace(/^[0-9a-f]{24,}/, (hash) => hash.slice(0, 8)).replace(/^[0-9a-f]{8}-[0-9a-f-]{19}([0-9a-f]{8})/, "$1");
