// The console's own signs, drawn on a grid of 24 with one pen.
import { s } from "./dom.js";

const STONE = [
  "M12 2.4a9.6 9.6 0 1 0 0 19.2 9.6 9.6 0 0 0 0-19.2",
  "M12 9.600a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8",
  "M12 9.600C12 7 13 4.5 15.5 3.200M14.3 11.300c2.3-1.3 5-1.5 7.3-.3M13.9 13.600c2.2 1.3 3.7 3.5 3.9 6.200M12 14.400c0 2.6-1 5.1-3.5 6.400M9.7 12.700c-2.3 1.3-5 1.5-7.3.3M10.1 10.400C7.9 9.1 6.4 6.9 6.2 4.2",
];

const PATHS = {
  grind: STONE,
  batch: ["M3 5h18v5.500H3zM3 13.500h18V19H3z"],
  jobs: ["M4 6h16M4 12h16M4 18h10"],
  fleet: ["M3 4h18v7H3zM3 13h18v7H3zM6.5 7.500h.01M6.5 16.500h.01M10 7.500h3M10 16.500h3"],
  dead: ["M5 21V10a7 7 0 0 1 14 0v11M3 21h18M9.5 12h5"],
  queued: ["M12 4.500a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15"],
  running: ["M12 4.500a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15", "!M12 4.500a7.5 7.5 0 0 1 0 15z"],
  done: ["M5 12.500l4.5 4.500L19 7"],
  retry: ["M19 8a8 8 0 1 0 1 6M19.5 3.500V8H15"],
  failed: ["M12 4L2.8 19.500h18.400zM12 10v4.500M12 17h.01"],
  cross: ["M6 6l12 12M18 6L6 18"],
  plus: ["M12 5v14M5 12h14"],
  up: ["M6 15l6-6 6 6"],
  down: ["M6 9l6 6 6-6"],
  left: ["M15 6l-6 6 6 6"],
  right: ["M9 6l6 6-6 6"],
  search: ["M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.500L20.5 20.5"],
  grip: ["M9 5h.01M9 12h.01M9 19h.01M15 5h.01M15 12h.01M15 19h.01"],
  undo: ["M8 5L4 9l4 4M4 9h10a6 6 0 0 1 0 12h-3"],
  download: ["M12 4v11M7 11l5 5 5-5M4 20h16"],
  more: ["M6 12h.01M12 12h.01M18 12h.01"],
  folder: ["M3 6h6l2 2.500h10V19H3z"],
  picture: ["M3 5h18v14H3zM3 16l5-5 4 4 3-3 6 6M15.5 9.500h.01"],
  copy: ["M8 8h12v12H8zM16 8V4H4v12h4"],
  sun: [
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4",
  ],
  rows: ["M4 6h16M4 12h16M4 18h16"],
  grid: ["M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z"],
  help: ["M9 9a3 3 0 1 1 4.5 2.600c-1 .6-1.5 1.2-1.5 2.400M12 17.500h.01"],
};

/** An icon. It says nothing to screen readers: a word stands beside it, or on its button. */
export function icon(name, kind = "icon") {
  const heavy = name === "grip" || name === "more";
  const paths = PATHS[name].map((d) =>
    d.startsWith("!") ? s("path", { d: d.slice(1), fill: "currentColor", stroke: "none" }) : s("path", { d }),
  );
  return s(
    "svg",
    {
      class: kind,
      viewBox: "0 0 24 24",
      fill: "none",
      stroke: "currentColor",
      "stroke-width": heavy ? 2.8 : 1.8,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
    },
    ...paths,
  );
}
