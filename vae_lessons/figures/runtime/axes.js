// Scales, axes, curves and bars.

import { append, change } from "./dom.js";
import { plain } from "./numbers.js";

/**
 * A linear scale: called with a value it returns a pixel, and `toValue` leads back.
 * @param {number[]} domain
 * @param {number[]} range
 */
export function scale(domain, range) {
  const perUnit = (range[1] - range[0]) / (domain[1] - domain[0]);
  const toPixel = (/** @type {number} */ value) => range[0] + (value - domain[0]) * perUnit;
  const toValue = (/** @type {number} */ pixel) => domain[0] + (pixel - range[0]) / perUnit;
  return Object.assign(toPixel, { domain, range, toValue });
}

/** @typedef {ReturnType<typeof scale>} Scale */

/**
 * @param {number} low
 * @param {number} high
 * @param {number} step
 */
export function steps(low, high, step) {
  return Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
}

// An axis is drawn for a scale and its ticks, and again only when these change.
function axis(svg, line, mark, place) {
  const group = append(svg, "g");
  let drawn = null;
  return (/** @type {Scale} */ along, /** @type {number[]} */ ticks) => {
    if (drawn === ticks.join()) return;
    drawn = ticks.join();
    group.replaceChildren();
    const marks = ticks.map(value => mark(along(value))).join("");
    append(group, "path", { class: "axis", d: line(along.range) + marks });
    for (const value of ticks) append(group, "text", { class: "tick", ...place(along(value)) }, plain(value));
  };
}

/**
 * @param {SVGElement} svg
 * @param {number} y
 */
export function axisBelow(svg, y) {
  const place = at => ({ x: at, y: y + 17, "text-anchor": "middle" });
  return axis(svg, ([from, to]) => `M${from},${y}H${to}`, at => `M${at},${y}v4`, place);
}

/**
 * @param {SVGElement} svg
 * @param {number} x
 */
export function axisLeft(svg, x) {
  const place = at => ({ x: x - 7, y: at + 4, "text-anchor": "end" });
  return axis(svg, ([from, to]) => `M${x},${from}V${to}`, at => `M${x},${at}h-4`, place);
}

/**
 * The graph of a function, as the `d` of a path.
 * @param {(at: number) => number} f
 * @param {number} from
 * @param {number} to
 * @param {Scale} x
 * @param {Scale} y
 * @param {number} [pieces]
 */
export function curve(f, from, to, x, y, pieces = 160) {
  const point = (/** @type {number} */ i) => {
    const at = from + ((to - from) * i) / pieces;
    return `${x(at).toFixed(2)},${y(f(at)).toFixed(2)}`;
  };
  return "M" + Array.from({ length: pieces + 1 }, (_, i) => point(i)).join("L");
}

/**
 * @param {SVGRectElement} rectangle
 * @param {Scale} y
 * @param {number} from
 * @param {number} to
 */
export function bar(rectangle, y, from, to) {
  change(rectangle, { y: Math.min(y(from), y(to)), height: Math.abs(y(to) - y(from)) });
}
