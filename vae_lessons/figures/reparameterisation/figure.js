// z = μ + σ ε, and two estimates of the gradient of E[f(z)], for f(z) = -1/2 (z - datum)².

import { axisBelow, axisLeft, curve, scale, steps } from "../runtime/axes.js";
import { append, change, clip, label, panel } from "../runtime/dom.js";
import { gaussianHandles, handle } from "../runtime/handles.js";
import { move } from "../runtime/model.js";
import { average, fixed, normal, plain } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const REACHES = [2, 4, 10, 20, 40, 100, 200, 400]; // of the plane of gradients, from its middle
const SHARE = 0.9; // of the score-function estimates that the plane must hold; the others are marked at its edge
const ARROW = 0.4; // length of an arrow, in units of z for each unit of gradient

// For each noise value: its z, f(z) and f'(z), and both estimates as [∂/∂μ, ∂/∂log σ²].
function estimate(noise, { mu, logvar, _constants: { datum } }) {
  const sd = Math.exp(logvar / 2);
  return noise.map(eps => {
    const z = mu + sd * eps;
    const [value, gradient] = [-0.5 * (z - datum) ** 2, datum - z];
    const pathwise = [gradient, (gradient * sd * eps) / 2];
    const score = [(value * eps) / sd, (value * (eps ** 2 - 1)) / 2];
    return { eps, z, value, gradient, pathwise, score };
  });
}

const batchOf = ({ draws, _noise }) => _noise[draws % _noise.length];
const shownNoise = state => (state.frozen ? [state.eps] : batchOf(state));
const exactOf = ({ mu, logvar, _constants: { datum } }) => [datum - mu, -Math.exp(logvar) / 2];

function deviation(values) {
  const mean = average(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

export function numbers(state) {
  const shown = estimate(shownNoise(state), state);
  const batch = estimate(batchOf(state), state);
  const [exact_mu, exact_logvar] = exactOf(state);
  return {
    z: average(shown.map(({ z }) => z)),
    pathwise_mu: average(shown.map(({ pathwise }) => pathwise[0])),
    pathwise_logvar: average(shown.map(({ pathwise }) => pathwise[1])),
    score_mu: average(shown.map(({ score }) => score[0])),
    score_logvar: average(shown.map(({ score }) => score[1])),
    exact_mu,
    exact_logvar,
    pathwise_deviation: deviation(batch.map(({ pathwise }) => pathwise[0])),
    score_deviation: deviation(batch.map(({ score }) => score[0])),
  };
}

// A single sample has no standard deviation.
function print(values, { frozen }) {
  const textOf = ([key, value]) => [key, frozen && key.endsWith("deviation") ? "–" : fixed(value, 2)];
  return Object.fromEntries(Object.entries(values).map(textOf));
}

function arrow(x, y, length) {
  if (Math.abs(length) < 1) return "";
  const barb = Math.sign(length) * Math.min(5, Math.abs(length));
  return `M${x},${y}h${length}m${-barb},${-0.8 * Math.abs(barb)}L${x + length},${y}l${-barb},${0.8 * Math.abs(barb)}`;
}

// The axis of ε, with the density that it is drawn from, and lines that carry its values to z.
function noiseAxis(svg, model, x, [from, to]) {
  const floor = 56;
  const y = scale([0, 0.4], [floor, 20]);
  const outline = curve(eps => normal(eps, 0, 1), -3.5, 3.5, x, y);
  append(svg, "path", { class: "area ink", d: outline + "Z" });
  append(svg, "path", { class: "line thin ink", d: outline });
  append(svg, "path", { class: "axis", d: `M${x(-3.5)},${floor}H${x(3.5)}` });
  for (const eps of steps(-2, 2, 1)) {
    append(svg, "text", { class: "tick", x: x(eps), y: floor + 16, "text-anchor": "middle" }, plain(eps));
  }
  label(svg, "ε ~ N(0, 1)", "ink", { x: x(1.6), y: 30 });
  const ray = ({ eps, z }) => `M${x(eps).toFixed(2)},${from}L${x(z).toFixed(2)},${to}`;
  const plot = clip(svg, x, scale([0, 1], [from, to + 6]));
  const fan = append(plot, "path", { class: "ray" });
  const rays = append(plot, "path", { class: "line encoder" });
  const placeHandle = handle(svg, "encoder", at => move(model, "eps", x.toValue(at)));
  const knob = svg.lastElementChild;
  return (state, samples) => {
    change(fan, { d: estimate(steps(-2, 2, 1), state).map(ray).join("") });
    change(rays, { d: samples.map(ray).join("") + samples.map(({ z }) => `M${x(z)},${to}v6`).join("") });
    rays.classList.toggle("many", samples.length > 1);
    knob.style.display = state.frozen ? "" : "none";
    placeHandle(x(state.eps), floor);
  };
}

// The axis of z, with the density of q, the objective, and arrows along which it rises.
function objective(svg, model, x, top) {
  const floor = 318;
  const { datum } = model.get("_constants");
  const f = (/** @type {number} */ z) => -0.5 * (z - datum) ** 2;
  const [from, to] = x.domain;
  const height = scale([f(from), 0], [floor, top + 22]);
  const plot = clip(svg, x, scale([0, 1], [floor, top]));
  const filled = append(plot, "path", { class: "area encoder" });
  const q = append(plot, "path", { class: "line thin encoder" });
  append(plot, "path", { class: "line decoder", d: curve(f, from, to, x, height) });
  append(svg, "path", { class: "axis", d: `M${x.range[0]},${top}H${x.range[1]}` });
  axisBelow(svg, floor)(x, steps(from + 2, to - 2, 2));
  label(svg, "z", "ink", { x: x.range[1], y: floor + 17, "text-anchor": "end" });
  label(svg, "f(z)", "decoder", { x: x(datum) + 60, y: height(-2.5) });
  const qName = label(svg, "q(z)", "encoder", { "text-anchor": "middle" });
  const arrows = append(plot, "path", { class: "line encoder" });
  const dots = append(plot, "path", { class: "dots encoder" });
  const outside = append(svg, "path", { class: "outside encoder" });
  const placeHandles = gaussianHandles(svg, model, x);
  return (state, samples) => {
    const { mu } = state;
    const sd = Math.exp(state.logvar / 2);
    const y = scale([0, Math.max(0.8, 1.1 * normal(mu, mu, sd))], [floor, top + 60]);
    const outline = curve(z => normal(z, mu, sd), mu - 6 * sd, mu + 6 * sd, x, y);
    change(q, { d: outline });
    change(filled, { d: outline + "Z" });
    change(qName, { x: x(mu), y: y(normal(mu, mu, sd)) - 13 });
    const at = samples.map(({ z, value, gradient }) => [x(z), height(value), gradient]);
    const perUnit = ARROW * (x(1) - x(0));
    change(arrows, { d: at.map(([left, y, gradient]) => arrow(left, y, perUnit * gradient)).join("") });
    change(dots, { d: at.map(([left, y]) => `M${left},${y}h0`).join("") });
    arrows.classList.toggle("many", samples.length > 1);
    const sides = x.domain.filter(end => samples.some(({ z }) => z / end > 1));
    change(outside, { d: sides.map(end => triangle(x(end), height(f(end)), end < 0 ? Math.PI : 0)).join("") });
    placeHandles(state, y);
  };
}

// A mark at the edge of a picture for what lies beyond it, pointing there.
function triangle(left, top, turn) {
  const corner = angle => `${left + 5 * Math.cos(turn + angle)},${top + 5 * Math.sin(turn + angle)}`;
  return `M${corner(0)}L${corner(2.3)}L${corner(-2.3)}Z`;
}

function beyond([u, v], reach, x, y) {
  const shrink = reach / Math.max(Math.abs(u), Math.abs(v));
  return triangle(x(u * shrink), y(v * shrink), Math.atan2(-v, u));
}

function reachOf(samples, exact) {
  const extents = samples.map(({ score }) => Math.max(...score.map(Math.abs))).sort((a, b) => a - b);
  const most = extents[Math.ceil(SHARE * extents.length) - 1];
  const inside = [...samples.flatMap(({ pathwise }) => pathwise), ...exact].map(Math.abs);
  return REACHES.find(reach => 1.05 * Math.max(most, ...inside) <= reach) ?? REACHES[REACHES.length - 1];
}

// The plane of gradients: a cloud of points for each estimate, or a line from 0 where there is one sample.
function plane(svg) {
  const [left, right, top, bottom] = [50, 308, 48, 306];
  const drawAxes = planeAxes(svg, left, right, top, bottom);
  const layer = name => append(svg, "path", { class: name });
  const [scoreStem, pathwiseStem] = ["line baseline", "line encoder"].map(layer);
  const [score, outside] = ["squares baseline", "outside baseline"].map(layer);
  const [halo, cross, pathwise] = ["halo", "cross", "dots encoder"].map(layer);
  return (state, samples) => {
    const exact = exactOf(state);
    const reach = reachOf(samples, exact);
    const [x, y] = [scale([-reach, reach], [left, right]), scale([-reach, reach], [bottom, top])];
    drawAxes(x, y, steps(-reach, reach, reach / 2));
    const at = (/** @type {number[]} */ [u, v]) => `${x(u).toFixed(2)},${y(v).toFixed(2)}`;
    const dots = points => points.map(point => `M${at(point)}h0`).join("");
    const stem = point => (samples.length > 1 ? "" : `M${at([0, 0])}L${at(point)}`);
    const isInside = point => Math.max(...point.map(Math.abs)) <= reach;
    const scores = samples.map(sample => sample.score);
    const far = scores.filter(point => !isInside(point));
    change(scoreStem, { d: stem(samples[0].score) });
    change(pathwiseStem, { d: stem(samples[0].pathwise) });
    change(score, { d: dots(scores.filter(isInside)) });
    change(outside, { d: far.map(point => beyond(point, reach, x, y)).join("") });
    change(pathwise, { d: dots(samples.map(sample => sample.pathwise)) });
    for (const path of [halo, cross]) change(path, { d: `M${at(exact)}m-8,-8l16,16m0,-16l-16,16` });
  };
}

function planeAxes(svg, left, right, top, bottom) {
  const [middle, centre] = [(left + right) / 2, (top + bottom) / 2];
  append(svg, "path", { class: "grid", d: `M${left},${centre}H${right}M${middle},${top}V${bottom}` });
  label(svg, "∂/∂μ", "ink", { x: right, y: bottom + 34, "text-anchor": "end" });
  label(svg, "∂/∂log σ²", "ink", { x: left - 36, y: top - 12 });
  label(svg, "● pathwise", "encoder", { x: left, y: 14 });
  label(svg, "■ score function", "baseline", { x: left + 80, y: 14 });
  label(svg, "✕ exact", "ink", { x: right, y: 14, "text-anchor": "end" });
  const [drawLeft, drawBelow] = [axisLeft(svg, left), axisBelow(svg, bottom)];
  return (x, y, ticks) => {
    drawLeft(y, ticks);
    drawBelow(x, ticks);
  };
}

function build(parent, model) {
  const left = panel(parent, {
    width: 380, height: 344, label: "Noise carried to samples of q, the objective f, and its gradient at each sample",
  });
  const right = panel(parent, {
    width: 320, height: 344, label: "Pathwise and score-function estimates of the gradient, and its exact value",
  });
  const { reach } = model.get("_constants");
  const x = scale([-reach, reach], [8, 372]);
  const zAxis = 150;
  const paintNoise = noiseAxis(left, model, x, [78, zAxis]);
  const paintObjective = objective(left, model, x, zAxis);
  const paintPlane = plane(right);
  return state => {
    const samples = estimate(shownNoise(state), state);
    for (const paint of [paintNoise, paintObjective, paintPlane]) paint(state, samples);
  };
}

// The sample that is held has a value, and all that are shown have a mean.
const averaged = name => ({ frozen }) => (frozen ? name : `mean ${name}`);

const cells = [
  ["pathwise_mu", averaged("pathwise ∂/∂μ"), averaged("pathwise gradient in mu")],
  ["pathwise_logvar", averaged("pathwise ∂/∂log σ²"), averaged("pathwise gradient in log variance")],
  ["pathwise_deviation", "sd of pathwise ∂/∂μ", "standard deviation of pathwise gradient in mu"],
  ["score_mu", averaged("score ∂/∂μ"), averaged("score gradient in mu")],
  ["score_logvar", averaged("score ∂/∂log σ²"), averaged("score gradient in log variance")],
  ["score_deviation", "sd of score ∂/∂μ", "standard deviation of score gradient in mu"],
  ["exact_mu", "exact ∂/∂μ", "exact gradient in mu"],
  ["exact_logvar", "exact ∂/∂log σ²", "exact gradient in log variance"],
  ["z", averaged("z"), averaged("z")],
].map(([key, name, spoken]) => ({ key, name, spoken }));

export function render(context) {
  const reads = ["mu", "logvar", "eps", "frozen", "draws", "_noise"];
  return show(context, { reads, numbers, build, print, cells, columns: 3 });
}

export default { render };
