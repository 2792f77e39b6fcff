// Dots for test codes, and among them the numerals of their classes.

import { append, change } from "./dom.js";

const APART = 16; // from one numeral to the next
export const EDGE = 9; // from the side of a map to the middle of a numeral

/**
 * What lies within a length, and no nearer to its ends than a margin.
 * @param {number} at
 * @param {number} length
 * @param {number} margin
 */
export function inside(at, length, margin) {
  return Math.min(length - margin, Math.max(margin, at));
}

/**
 * Which of the points is the nearest, and how far away it is.
 * @param {ArrayLike<number>[]} points
 * @param {number[]} to
 */
export function nearest(points, to) {
  const distances = points.map(point => Math.hypot(...to.map((value, i) => point[i] - value)));
  const distance = Math.min(...distances);
  return { index: distances.indexOf(distance), distance };
}

/** @param {number[]} labels */
export function distinct(labels) {
  return [...new Set(labels)].sort((a, b) => a - b);
}

// Points too near to one that is taken are left out; where all are, it is the one farthest from those taken.
/**
 * The one of some points that is nearest to their median, and so amid them even where they form an arc.
 * @param {number[][]} points
 * @param {number[][]} taken
 */
export function amid(points, taken) {
  const median = axis => points.map(point => point[axis]).sort((a, b) => a - b)[points.length >> 1];
  const distances = points.map(point => nearest(taken, point).distance); // Infinity where none is taken
  const needed = Math.min(APART, Math.max(...distances));
  const free = points.filter((_, i) => distances[i] >= needed);
  return free[nearest(free, [median(0), median(1)]).index];
}

/**
 * A dot for each test code, and the numeral of each class amid its own, clear of other numerals. Returns draw(points).
 * @param {SVGElement} svg
 * @param {{ labels: number[], nColours: number, width: number, numeralAt?: typeof amid }} options
 */
export function dots(svg, { labels, nColours, width, numeralAt = amid }) {
  const classes = distinct(labels).map(label => ({ label, style: `--ink: var(--class-${label % nColours})` }));
  const clouds = classes.map(({ style }) => append(svg, "path", { class: "codes", style }));
  const numerals = classes.map(({ label, style }) => append(svg, "text", { class: "numeral", style }, label));
  /** @type {number[][] | null} */
  let drawn = null;
  return (/** @type {number[][]} */ points) => {
    if (drawn === points) return;
    drawn = points;
    /** @type {number[][]} */
    const taken = [];
    classes.forEach(({ label }, i) => {
      const own = points.filter((_, k) => labels[k] === label);
      change(clouds[i], { d: own.map(([x, y]) => `M${x.toFixed(1)},${y.toFixed(1)}h0`).join("") });
      const [x, y] = numeralAt(own, taken);
      taken.push([x, y]);
      change(numerals[i], { x: inside(x, width, EDGE), y });
    });
  };
}
