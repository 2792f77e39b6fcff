// Handles, for those who point. Sliders do the same, so nothing here can be reached by key.

import { append, change } from "./dom.js";
import { move } from "./model.js";
import { normal } from "./numbers.js";

const GRIP = 26; // radius of what a finger can take hold of: 44 pixels or more on a phone

/**
 * Where a pointer is, in the coordinates of a drawing.
 * @param {SVGGraphicsElement} svg
 * @param {{ clientX: number, clientY: number }} event
 */
export function pointIn(svg, { clientX, clientY }) {
  return new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM()?.inverse());
}

/**
 * A finger on `node` does not scroll the page: inside of an SVG, Chromium does not heed touch-action.
 * @param {Element} node
 */
export function keepFinger(node) {
  node.addEventListener("touchstart", event => event.preventDefault(), { passive: false });
}

/**
 * Returns place(x, y), which puts the handle there.
 * @param {SVGSVGElement} svg
 * @param {string} colour
 * @param {(x: number, y: number) => void} onDrag
 * @param {() => void} [onDrop]
 */
export function handle(svg, colour, onDrag, onDrop = () => {}) {
  const group = append(svg, "g", { class: `handle ${colour}`, "aria-hidden": "true" });
  append(group, "circle", { class: "grip", r: GRIP });
  append(group, "circle", { class: "knob", r: 6.5 });
  let at = { x: 0, y: 0 };
  let held = null; // from the pointer to the handle, so that a hold off its middle does not move it
  keepFinger(group);
  group.addEventListener("pointerdown", event => {
    if (held !== null || event.button !== 0) return;
    const { x, y } = pointIn(svg, event);
    held = { x: at.x - x, y: at.y - y };
    group.setPointerCapture(event.pointerId);
  });
  group.addEventListener("pointermove", event => {
    if (!group.hasPointerCapture(event.pointerId)) return;
    const { x, y } = pointIn(svg, event);
    onDrag(x + held.x, y + held.y);
  });
  group.addEventListener("lostpointercapture", () => {
    held = null;
    onDrop();
  });
  const place = (/** @type {number} */ x, /** @type {number} */ y) => {
    at = { x, y };
    change(group, { transform: `translate(${x} ${y})` });
  };
  return Object.assign(place, { isHeld: () => held !== null });
}

// The flank's handle stays on the side of the pointer that holds it, and let go, in the picture.
/**
 * Two handles on the density of N(μ, σ²): the peak moves μ, the flank moves σ.
 * Returns place(state, y), which says where on the axis they are.
 * @param {SVGSVGElement} svg
 * @param {import("./model.js").Model} model
 * @param {import("./axes.js").Scale} x
 */
export function gaussianHandles(svg, model, x) {
  let q, y;
  let side = 1;
  const drag = at => {
    const away = x.toValue(at) - q.mean;
    side = away < 0 ? -1 : 1;
    move(model, "logvar", 2 * Math.log(Math.abs(away)));
  };
  const place = () => {
    const { mean, sd } = q;
    if (!flank.isHeld() && Math.abs(mean + side * sd) > x.domain[1]) side = mean < 0 ? 1 : -1;
    flank(x(mean + side * sd), y(normal(sd, 0, sd)));
    peak(x(mean), y(normal(0, 0, sd)));
    return [mean, mean + side * sd];
  };
  const flank = handle(svg, "encoder", drag, place);
  const peak = handle(svg, "encoder", at => move(model, "mu", x.toValue(at)));
  return ({ mu, logvar }, /** @type {import("./axes.js").Scale} */ heights) => {
    [q, y] = [{ mean: mu, sd: Math.exp(logvar / 2) }, heights];
    return place();
  };
}
