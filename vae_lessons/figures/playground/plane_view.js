// Data space for points: the data, log p(x) as a map, what the decoder makes of lines in latent space, and draws.

import { append, change, clip, label, panel } from "../runtime/dom.js";
import { scale, steps } from "../runtime/axes.js";

const PLANE_SIDE = 320;
const PLANE_REACH = 2.6; // to each side
const MAP_CELLS = 32; // of the map, to each side
const PER_LINE = { 1: 241, 2: 33 }; // points of a latent line, by K
const N_POINTS_DRAWN = 200;
const DARKEST = 0.55; // opacity

/**
 * @param {Element} parent
 * @param {number} latent K
 * @param {(x: number, y: number) => void} onPoint what is done with a point that is pointed at
 */
export function planeView(parent, latent, onPoint) {
  const svg = panel(parent, { width: PLANE_SIDE + 20, height: PLANE_SIDE + 30, label: "Data space: data, draws and log p of x" });
  const [x, y] = [scale([-PLANE_REACH, PLANE_REACH], [10, 10 + PLANE_SIDE]), scale([-PLANE_REACH, PLANE_REACH], [PLANE_SIDE + 24, 24])];
  const field = clip(svg, x, y);
  const map = append(field, "image", { ...boxOf(x, y), class: "playground-map", preserveAspectRatio: "none" });
  append(svg, "rect", { class: "plane-edge", ...boxOf(x, y) });
  const lines = append(field, "path", { class: "line thin decoder" });
  const data = append(field, "path", { class: "codes data" });
  const draws = append(field, "path", { class: "codes decoder playground-draws" });
  const chosen = append(field, "circle", { class: "playground-chosen", r: 6 });
  label(svg, "data", "data", { x: 10, y: 14 });
  label(svg, "draws and decoded grid", "decoder", { x: 10 + PLANE_SIDE, y: 14, "text-anchor": "end" });
  svg.addEventListener("pointerdown", event => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM()?.inverse());
    onPoint(x.toValue(at.x), y.toValue(at.y));
  });
  const perLine = PER_LINE[latent];
  const grid = latentLines(latent, perLine);
  const at = (/** @type {ArrayLike<number>} */ points, /** @type {number} */ i) =>
    `${x(points[2 * i]).toFixed(1)},${y(points[2 * i + 1]).toFixed(1)}`;
  const dots = (/** @type {ArrayLike<number>} */ points) =>
    Array.from({ length: points.length / 2 }, (_, i) => `M${at(points, i)}h0`).join("");
  return {
    look: (/** @type {boolean} */ isDue) => ({
      decode: grid,
      draws: { n: N_POINTS_DRAWN, noisy: true },
      ...(isDue ? { densities: mapPoints } : {}),
    }),
    showData: (/** @type {Float32Array} */ points) => change(data, { d: dots(points) }),
    choose: (/** @type {ArrayLike<number>} */ point) => change(chosen, { cx: x(point[0]), cy: y(point[1]) }),
    paint({ decoded, draws: drawn, densities }) {
      change(draws, { d: dots(drawn) });
      const count = decoded.length / 2 / perLine;
      const line = (/** @type {number} */ i) =>
        "M" + Array.from({ length: perLine }, (_, j) => at(decoded, i * perLine + j)).join("L");
      change(lines, { d: Array.from({ length: count }, (_, i) => line(i)).join("") });
      if (densities) change(map, { href: pictureOf(densities) });
    },
  };
}

function boxOf(x, y) {
  return { x: x.range[0], y: y.range[1], width: x.range[1] - x.range[0], height: y.range[0] - y.range[1] };
}

// The whole line for K = 1; for K = 2 lines along both axes, half a standard deviation apart.
function latentLines(latent, perLine) {
  const along = steps(-3, 3, 6 / (perLine - 1));
  if (latent === 1) return Float32Array.from(along);
  const across = steps(-2, 2, 0.5);
  return Float32Array.from([
    ...across.flatMap(fixed => along.flatMap(moving => [fixed, moving])),
    ...across.flatMap(fixed => along.flatMap(moving => [moving, fixed])),
  ]);
}

// The middles of the cells, rows from above.
const middles = Array.from({ length: MAP_CELLS }, (_, i) => ((2 * i + 1) / MAP_CELLS - 1) * PLANE_REACH);
const mapPoints = Float32Array.from([...middles].reverse().flatMap(down => middles.flatMap(across => [across, down])));

// Dark where p(x) is high: from the highest down by six nats, linearly in log p.
function pictureOf(densities) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = MAP_CELLS;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(MAP_CELLS, MAP_CELLS);
  const highest = densities.reduce((a, b) => Math.max(a, b), -Infinity);
  for (let i = 0; i < densities.length; i++) {
    image.data.set([128, 128, 128, 255 * DARKEST * Math.max(0, 1 + (densities[i] - highest) / 6)], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}
