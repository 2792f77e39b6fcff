// Latent space: the prior, the codes, and for one point the encoder's q beside the exact posterior.

import { axisBelow, curve, scale, steps } from "../runtime/axes.js";
import { append, change, clip, label, panel } from "../runtime/dom.js";
import { normal } from "../runtime/numbers.js";

const LATENT_SIDE = 320;
const LATENT_REACH = 3.2;
const POSTERIOR_CELLS = 40; // of the map of the exact posterior, to each side
const N_ON_LINE = 400;
const DENSITY_HEIGHT = 1.6; // of the axis of densities, in heights of the prior's peak
const N_ELLIPSES = 30; // of test points, drawn faintly
const SPREAD = 2; // standard deviations to an ellipse

/**
 * @typedef {{ codes: Float32Array, posteriors: Float32Array[] }} Seen
 */

/**
 * @param {Element} parent
 * @param {number} latent
 * @param {number[]} labels of the test data, from 0 to 9
 */
export function latentView(parent, latent, labels) {
  return latent === 1 ? lineView(parent) : squareView(parent, labels);
}

function squareView(parent, labels) {
  const svg = panel(parent, { width: LATENT_SIDE + 20, height: LATENT_SIDE + 30, label: "Latent space: codes, q and the exact posterior" });
  const [x, y] = [scale([-LATENT_REACH, LATENT_REACH], [10, 10 + LATENT_SIDE]), scale([-LATENT_REACH, LATENT_REACH], [LATENT_SIDE + 24, 24])];
  const box = { x: x.range[0], y: y.range[1], width: LATENT_SIDE, height: LATENT_SIDE };
  const field = clip(svg, x, y);
  const map = append(field, "image", { ...box, class: "playground-map", preserveAspectRatio: "none" });
  append(svg, "rect", { class: "plane-edge", ...box });
  for (const radius of [1, 2]) {
    append(field, "circle", { class: "stem prior", cx: x(0), cy: y(0), r: x(radius) - x(0) });
  }
  const faint = append(field, "path", { class: "playground-faint encoder" });
  const dots = Array.from({ length: 10 }, (_, i) => append(field, "path", { class: `codes class-${i}` }));
  const ellipse = append(field, "path", { class: "line encoder" });
  label(svg, "prior", "prior", { x: 10, y: 14 });
  label(svg, "q(z | x)", "encoder", { x: 10 + LATENT_SIDE / 2, y: 14, "text-anchor": "middle" });
  label(svg, "exact posterior", "posterior", { x: 10 + LATENT_SIDE, y: 14, "text-anchor": "end" });
  const middles = Array.from({ length: POSTERIOR_CELLS }, (_, i) => ((2 * i + 1) / POSTERIOR_CELLS - 1) * LATENT_REACH);
  const points = Float32Array.from([...middles].reverse().flatMap(up => middles.flatMap(across => [across, up])));
  const around = (/** @type {Float32Array} */ codes, /** @type {number} */ i) => {
    const [a, b] = [0, 1].map(k => SPREAD * Math.exp(codes[4 * i + 2 + k] / 2));
    const [radiusX, radiusY] = [x(a) - x(0), y(0) - y(b)];
    const [cx, cy] = [x(codes[4 * i]), y(codes[4 * i + 1])];
    return `M${cx - radiusX},${cy}a${radiusX},${radiusY} 0 1 0 ${2 * radiusX},0a${radiusX},${radiusY} 0 1 0 ${-2 * radiusX},0`;
  };
  return {
    look: (/** @type {number} */ chosen) => ({ codes: true, posteriors: { images: [chosen], z: points } }),
    paint(/** @type {Seen} */ { codes, posteriors }, /** @type {number} */ chosen) {
      const n = codes.length / 4;
      for (const [own, path] of dots.entries()) {
        const members = labels.flatMap((each, i) => (each === own && i < n ? [i] : []));
        change(path, { d: members.map(i => `M${x(codes[4 * i]).toFixed(1)},${y(codes[4 * i + 1]).toFixed(1)}h0`).join("") });
      }
      const some = Array.from({ length: Math.min(n, N_ELLIPSES) }, (_, i) => around(codes, i));
      change(faint, { d: some.join("") });
      change(ellipse, { d: around(codes, chosen) });
      change(map, { href: mapPicture(posteriors[0]) });
    },
  };
}

function lineView(parent) {
  const svg = panel(parent, { width: LATENT_SIDE + 20, height: LATENT_SIDE + 30, label: "Latent space: densities over z" });
  const x = scale([-LATENT_REACH, LATENT_REACH], [10, 10 + LATENT_SIDE]);
  const y = scale([0, DENSITY_HEIGHT], [LATENT_SIDE, 24]);
  const field = clip(svg, x, y);
  axisBelow(svg, LATENT_SIDE)(x, [-3, -2, -1, 0, 1, 2, 3]);
  const exact = append(field, "path", { class: "area posterior" });
  const edge = append(field, "path", { class: "line thin posterior" });
  append(field, "path", { class: "stem prior", d: curve(z => normal(z, 0, 1), -LATENT_REACH, LATENT_REACH, x, y) });
  const aggregate = append(field, "path", { class: "line thin data" });
  const q = append(field, "path", { class: "line encoder" });
  const rug = append(field, "path", { class: "playground-rug" });
  label(svg, "prior", "prior", { x: 10, y: 14 });
  label(svg, "all codes", "data", { x: 90, y: 14 });
  label(svg, "q(z | x)", "encoder", { x: 195, y: 14, "text-anchor": "middle" });
  label(svg, "exact posterior", "posterior", { x: 10 + LATENT_SIDE, y: 14, "text-anchor": "end" });
  const line = steps(-LATENT_REACH, LATENT_REACH, (2 * LATENT_REACH) / (N_ON_LINE - 1));
  const step = line[1] - line[0];
  const points = Float32Array.from(line);
  // Densities are drawn no higher than the axis: a narrow one fills the height.
  const graph = (/** @type {ArrayLike<number>} */ density) => {
    const highest = Math.max(...Array.from(density));
    const shrink = Math.min(1, (0.95 * DENSITY_HEIGHT) / highest);
    return line.map((z, i) => `${x(z).toFixed(1)},${y(shrink * density[i]).toFixed(1)}`).join("L");
  };
  return {
    look: (/** @type {number} */ chosen) => ({ codes: true, posteriors: { images: [chosen], z: points } }),
    paint(/** @type {Seen} */ { codes, posteriors }, /** @type {number} */ chosen) {
      const mass = posteriors[0].reduce((sum, share) => sum + share, 0) * step;
      const outline = graph(posteriors[0].map(share => share / mass));
      change(exact, { d: `M${x(-LATENT_REACH)},${y(0)}L${outline}L${x(LATENT_REACH)},${y(0)}Z` });
      change(edge, { d: `M${outline}` });
      const of = (/** @type {number} */ i) => [codes[2 * i], Math.exp(codes[2 * i + 1] / 2)];
      const [mean, sd] = of(chosen);
      change(q, { d: "M" + graph(line.map(z => normal(z, mean, sd))) });
      const n = codes.length / 2;
      const mixture = new Float64Array(line.length);
      for (let i = 0; i < n; i++) {
        const [centre, width] = of(i);
        for (let g = 0; g < line.length; g++) mixture[g] += normal(line[g], centre, Math.max(width, step)) / n;
      }
      change(aggregate, { d: "M" + graph(mixture) });
      change(rug, { d: Array.from({ length: n }, (_, i) => `M${x(codes[2 * i]).toFixed(1)},${LATENT_SIDE}v-8`).join("") });
    },
  };
}

function mapPicture(/** @type {Float32Array} */ shares) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = POSTERIOR_CELLS;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(POSTERIOR_CELLS, POSTERIOR_CELLS);
  for (let i = 0; i < shares.length; i++) image.data.set([204, 121, 167, 230 * Math.sqrt(shares[i])], 4 * i);
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}
