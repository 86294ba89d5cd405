// What happens to instances while this tab is open.
import { happened } from "./reasons.js";
import { get, set, watch } from "./store.js";

/** Keeps a log of what happens to instances, whatever screen is shown. */
export function keepLog() {
  let before = null;
  watch(["fleet"], () => {
    const now = get("fleet")?.instances;
    if (!now || now === before) return;
    const fresh = before ? happened(before, now).map((event) => ({ ...event, at: Date.now() })) : [];
    before = now;
    if (fresh.length) set("fleetLog", [...fresh.reverse(), ...(get("fleetLog") ?? [])].slice(0, 200));
  });
}
