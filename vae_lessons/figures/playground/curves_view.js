// What has been measured so far: bounds and log p(x) with the gap between them, and the KL of each unit. A pointer on
// the curves looks back.

import { axisBelow, axisLeft, scale } from "../runtime/axes.js";
import { append, change, clip, label, panel } from "../runtime/dom.js";

/** @typedef {import("../engine/session.js").Entry} Entry */

const CHART_HEIGHT = 190;
const CHART_TOP = 24;
const NICE = [1, 2, 5];

/**
 * @param {Element} parent
 * @param {(step: number | null) => void} onLook the step that is pointed at, and null when the pointer leaves
 */
export function curvesView(parent, onLook) {
  const bounds = chart(parent, 430, "Curves of the ELBO and of log p of x, in nats", onLook);
  const units = chart(parent, 270, "Curves of the KL of each unit, in nats", onLook);
  const band = append(bounds.field, "path", { class: "area posterior" });
  const lines = {
    reconstruction: append(bounds.field, "path", { class: "line thin decoder" }),
    train: append(bounds.field, "path", { class: "stem encoder" }),
    test: append(bounds.field, "path", { class: "line encoder" }),
    evidence: append(bounds.field, "path", { class: "line posterior" }),
  };
  const ofUnits = [0, 1].map(i => append(units.field, "path", { class: `line unit-${i}` }));
  label(bounds.svg, "log p(x)", "posterior", { x: 52, y: 13 });
  label(bounds.svg, "ELBO, dashed on training data", "encoder", { x: 118, y: 13 });
  label(bounds.svg, "reconstruction", "decoder", { x: 425, y: 13, "text-anchor": "end" });
  label(units.svg, "KL of each unit, nats", "encoder", { x: 52, y: 13 });
  return (/** @type {Entry[]} */ entries, /** @type {number} */ current) => {
    const last = Math.max(entries[entries.length - 1].step, 10);
    const nats = entries.flatMap(({ test, train, evidence }, i) => {
      return i * 5 < entries.length - 4 ? [] : [test.elbo, train.elbo, test.reconstruction, evidence?.mean ?? test.elbo];
    });
    bounds.draw(last, [Math.min(...nats), Math.max(...nats)], current);
    units.draw(last, [0, Math.max(0.5, ...entries.flatMap(({ test }) => test.units))], current);
    const path = (where, value) => "M" + entries.map(entry => `${where.x(entry.step)},${where.y(value(entry))}`).join("L");
    change(lines.test, { d: path(bounds, ({ test }) => test.elbo) });
    change(lines.train, { d: path(bounds, ({ train }) => train.elbo) });
    change(lines.reconstruction, { d: path(bounds, ({ test }) => test.reconstruction) });
    change(lines.evidence, { d: path(bounds, ({ evidence, test }) => evidence?.mean ?? test.elbo) });
    const back = [...entries].reverse().map(({ step, test }) => `${bounds.x(step)},${bounds.y(test.elbo)}`).join("L");
    change(band, { d: `${path(bounds, ({ evidence, test }) => evidence?.mean ?? test.elbo)}L${back}Z` });
    for (const [i, line] of ofUnits.entries()) {
      change(line, { d: i < entries[0].test.units.length ? path(units, ({ test }) => test.units[i]) : "" });
    }
  };
}

function chart(parent, width, name, onLook) {
  const svg = panel(parent, { width, height: CHART_HEIGHT, label: name });
  svg.classList.add("playground-chart");
  const range = { x: [46, width - 8], y: [CHART_HEIGHT - 26, CHART_TOP] };
  const field = clip(svg, scale([0, 1], range.x), scale([0, 1], range.y));
  const marker = append(field, "path", { class: "stem ink" });
  const [drawBelow, drawLeft] = [axisBelow(svg, range.y[0]), axisLeft(svg, range.x[0])];
  label(svg, "step", "ink", { x: width - 8, y: CHART_HEIGHT - 30, "text-anchor": "end" });
  const parts = { svg, field, x: scale([0, 1], range.x), y: scale([0, 1], range.y) };
  svg.addEventListener("pointermove", ({ clientX, clientY }) => {
    const at = new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM()?.inverse());
    onLook(Math.max(0, Math.round(parts.x.toValue(at.x))));
  });
  svg.addEventListener("pointerleave", () => onLook(null));
  return Object.assign(parts, {
    draw(/** @type {number} */ last, /** @type {number[]} */ [low, high], /** @type {number} */ current) {
      const space = 0.08 * (high - low) + 0.01;
      parts.x = scale([0, last], range.x);
      parts.y = scale([low - (low === 0 ? 0 : space), high + space], range.y);
      drawBelow(parts.x, ticksIn([0, last], 5));
      drawLeft(parts.y, ticksIn(parts.y.domain, 5));
      change(marker, { d: current < last ? `M${parts.x(current)},${range.y[0]}V${range.y[1]}` : "" });
    },
  });
}

// Round numbers in a domain, at most so many.
function ticksIn(/** @type {number[]} */ [low, high], /** @type {number} */ most) {
  let step = 10 ** Math.floor(Math.log10((high - low) / most));
  const base = step;
  for (const factor of [...NICE, 10]) {
    step = factor * base;
    if ((high - low) / step <= most) break;
  }
  const ticks = [];
  for (let i = Math.ceil(low / step); i <= Math.floor(high / step); i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}
