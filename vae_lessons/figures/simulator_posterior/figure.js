// Amortised posteriors q(θ | x) of two moons, and the exact one, at an observation. See two_moons.py.

import { axisBelow, axisLeft, scale } from "../runtime/axes.js";
import { append, change, clip, label, panel } from "../runtime/dom.js";
import { handle } from "../runtime/handles.js";
import { snap } from "../runtime/model.js";
import { loadNetwork, unpackRows } from "../runtime/networks.js";
import { fixed } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const SIDE = 180; // of a map
const HEIGHT = 174;
const PLOT = { left: 30, right: 176, top: 4, floor: 150 }; // in it
const NOTHING = 40; // nats below the largest, a component adds nothing
const N_OUTPUTS = 6; // of a mixture density network, for each component
const OUTLINE = 24; // pieces of an arc

/**
 * A component of a mixture of Gaussians: with centred c = θ - means, c1 / s1 and (c2 + mixing c1) / s2 are N(0, 1).
 * @typedef {{ logit: number, means: number[], logScales: number[], mixing: number }} Component
 */

// Returns x => the components of q(θ | x) of a mixture density network, whose outputs a linear map of x adds to.
function direct(model, { network, linear }) {
  const [runNetwork, runLinear] = [network, linear].map(packed => loadNetwork(model, packed));
  return x => {
    const added = runLinear(x);
    const outputs = runNetwork(x).map((value, i) => value + added[i]);
    return Array.from({ length: outputs.length / N_OUTPUTS }, (_, c) => {
      const [logit, u, v, first, second, mixing] = outputs.subarray(c * N_OUTPUTS, (c + 1) * N_OUTPUTS);
      return { logit, means: [u, v], logScales: [first, second], mixing };
    });
  };
}

// Returns x => the components of q(θ | x) of a conditional VAE: p(θ | z, x) at nodes of p(z | x).
function latent(model, { prior, decoder, log_scale, latent_dim }) {
  const nodes = unpackRows(model.get("_nodes")[latent_dim], latent_dim);
  const runPrior = prior ? loadNetwork(model, prior) : () => new Float32Array(2 * latent_dim); // N(0, I)
  const runDecoder = loadNetwork(model, decoder);
  return x => {
    const [...p] = runPrior(x);
    return nodes.map(eps => {
      const z = Array.from(eps, (value, k) => p[k] + Math.exp(p[latent_dim + k] / 2) * value);
      return { logit: 0, means: [...runDecoder([...z, ...x])], logScales: [log_scale, log_scale], mixing: 0 };
    });
  };
}

export function prepare(model) {
  const posteriors = model.get("_models").map(described => {
    return { name: described.name, mixtureAt: (described.network ? direct : latent)(model, described) };
  });
  return { posteriors, noise: unpackRows(model.get("_noise"), 2), computed: new WeakMap() };
}

/**
 * Returns (θ1, θ2) => log q(θ). Loops, since it is computed at a thousand places while the reader drags.
 * @param {Component[]} components
 */
function logDensityOf(components) {
  const n = components.length;
  const [first, second, one, two, mixing, height] = Array.from({ length: 6 }, () => new Float64Array(n));
  const logTotal = logSum(components.map(({ logit }) => logit));
  components.forEach(({ logit, means, logScales, mixing: own }, i) => {
    [first[i], second[i]] = means;
    [one[i], two[i]] = logScales.map(logScale => Math.exp(-logScale));
    mixing[i] = own;
    height[i] = logit - logTotal - Math.log(2 * Math.PI) - logScales[0] - logScales[1];
  });
  const exponents = new Float64Array(n);
  return (/** @type {number} */ u, /** @type {number} */ v) => {
    for (let i = 0; i < n; i++) {
      const across = u - first[i];
      const along = v - second[i] + mixing[i] * across;
      exponents[i] = height[i] - ((across * one[i]) ** 2 + (along * two[i]) ** 2) / 2;
    }
    return logSum(exponents);
  };
}

// log Σ e^value.
function logSum(values) {
  let most = -Infinity;
  for (const value of values) if (value > most) most = value;
  let sum = 0;
  for (const value of values) if (value > most - NOTHING) sum += Math.exp(value - most);
  return most + Math.log(sum);
}

// θ on either moon, for noise (r, a): s = ±(shift + r cos a - x1), d = x2 - r sin a, turned by 45°.
function onMoon([x1, x2], shift, side, r, a) {
  const [s, d] = [side * (shift + r * Math.cos(a) - x1), x2 - r * Math.sin(a)];
  return [(s - d) * Math.SQRT1_2, (s + d) * Math.SQRT1_2];
}

// The mean over both moons and all angles at a radius.
function averageOver(f, x, { shift, n_angles }, r) {
  let sum = 0;
  for (let i = 0; i < n_angles; i++) {
    const a = Math.PI * ((i + 0.5) / n_angles - 0.5);
    for (const side of [1, -1]) sum += f(...onMoon(x, shift, side, r, a));
  }
  return sum / (2 * n_angles);
}

// Draw i is from the component in which the share (i + 1/2) / M of the weight falls, so that draws move with q.
function drawsOf(components, noise) {
  const logTotal = logSum(components.map(({ logit }) => logit));
  const shareOf = i => Math.exp(components[i].logit - logTotal);
  let [i, share] = [0, shareOf(0)];
  return noise.map((eps, k) => {
    while (i < components.length - 1 && share < (k + 0.5) / noise.length) share += shareOf(++i);
    const { means, logScales, mixing } = components[i];
    const [across, along] = logScales.map((logScale, j) => Math.exp(logScale) * eps[j]);
    return [means[0] + across, means[1] + along - mixing * across];
  });
}

// What is shown of each model, computed once for each state.
function compute(state, { posteriors, noise, computed }) {
  const { _constants: constants, x1, x2 } = state;
  if (!computed.has(state)) {
    const x = [x1, x2];
    const of = posteriors.map(({ name, mixtureAt }) => {
      const components = mixtureAt(x);
      const logQ = logDensityOf(components);
      const sum = (nodes, f) => nodes.reduce((sum, [r, weight]) => sum + weight * averageOver(f, x, constants, r), 0);
      const kl = constants.expected_log_density - sum(constants.radii, logQ);
      const mass = 2 * Math.PI * sum(constants.band, (u, v) => Math.exp(logQ(u, v)));
      return { name, kl, mass, draws: drawsOf(components, noise) };
    });
    computed.set(state, of);
  }
  return computed.get(state);
}

export function numbers(state, prepared) {
  const entries = compute(state, prepared).flatMap(({ name, kl, mass }) => {
    return [[`${name}: KL`, kl], [`${name}: in the moons`, mass]];
  });
  return Object.fromEntries(entries);
}

function print(values) {
  const textOf = ([key, value]) => [key, key.endsWith(": KL") ? fixed(value, 2) : fixed(100 * value, 0)];
  return Object.fromEntries(Object.entries(values).map(textOf));
}

const dotsAt = (points, x, y) => points.map(([u, v]) => `M${x(u).toFixed(1)},${y(v).toFixed(1)}h0`).join("");

// A square plane with axes, of x or of θ. Returns its scales, and a window on it.
function plane(parent, symbol, title, described, { reach }) {
  const box = append(parent, "div", { class: "moons-map" });
  append(box, "div", { "aria-hidden": "true" }, title);
  const svg = panel(box, { width: SIDE, height: HEIGHT, label: described });
  const { left, right, top, floor } = PLOT;
  const ends = [-reach[symbol], reach[symbol]];
  const [x, y] = [scale(ends, [left, right]), scale(ends, [floor, top])];
  append(svg, "path", { class: "axis frame", d: `M${left},${top}H${right}V${floor}` });
  axisBelow(svg, floor)(x, [-0.5, 0, 0.5]);
  axisLeft(svg, left)(y, [0, 0.5]);
  label(svg, `${symbol}₁`, "ink", { x: x(0.25), y: floor + 17, "text-anchor": "middle" });
  label(svg, `${symbol}₂`, "ink", { x: left - 7, y: y(0.25) + 4, "text-anchor": "end" });
  return { svg, x, y, plot: clip(svg, x, y) };
}

// Simulated observations, and the one that is looked at.
function observations(parent, model) {
  const described = "Simulated observations, and the one that is given";
  const { svg, x, y, plot } = plane(parent, "x", "observation x", described, model.get("_constants"));
  const cloud = unpackRows(model.get("_simulations"), 2);
  append(plot, "path", { class: "moons-cloud data", d: dotsAt(cloud, x, y) });
  const place = handle(svg, "data", (left, top) => {
    model.set("x1", snap(model, "x1", x.toValue(left)));
    model.set("x2", snap(model, "x2", y.toValue(top)));
    model.save_changes();
  });
  return ({ x1, x2 }) => place(x(x1), y(x2));
}

// The plane of the parameters, with draws from a model's q, and the moons that hold 95 % of the exact posterior.
function parameters(parent, { name }, constants) {
  const described = `The two parameters: draws from q of ${name}, and the exact posterior`;
  const { x, y, plot } = plane(parent, "θ", name, described, constants);
  const area = append(plot, "path", { class: "moon posterior" });
  const dots = append(plot, "path", { class: "moons-draws encoder" });
  const outline = append(plot, "path", { class: "line thin posterior" });
  return ({ x1, x2 }, { draws }) => {
    const d = [1, -1].map(side => moon([x1, x2], side, constants, x, y)).join("");
    for (const path of [area, outline]) change(path, { d });
    change(dots, { d: dotsAt(draws, x, y) });
  };
}

// The outline of one moon: its inner side, and back along its outer side.
function moon(observed, side, { shift, outline: [inner, outer] }, x, y) {
  const angles = Array.from({ length: OUTLINE + 1 }, (_, i) => Math.PI * (i / OUTLINE - 0.5));
  const arc = r => angles.map(a => onMoon(observed, shift, side, r, a));
  const points = [...arc(inner), ...arc(outer).reverse()];
  return "M" + points.map(([u, v]) => `${x(u).toFixed(2)},${y(v).toFixed(2)}`).join("L") + "Z";
}

function build(parent, model, prepared) {
  const box = append(parent, "div", { class: "moons-maps" });
  const placeObservation = observations(box, model);
  const paints = prepared.posteriors.map(posterior => parameters(box, posterior, model.get("_constants")));
  return state => {
    placeObservation(state);
    compute(state, prepared).forEach((of, i) => paints[i](state, of));
  };
}

// A row for what is computed, with a column for each model.
function cellsOf({ posteriors }) {
  const kl = posteriors.map(({ name }) => {
    return { key: `${name}: KL`, name: `KL(exact ‖ q), ${name}`, spoken: `${name}: KL`, unit: "nats" };
  });
  const mass = posteriors.map(({ name }) => {
    const key = `${name}: in the moons`;
    return { key, name: `q in the moons, ${name}`, spoken: `${name}: q in the moons`, unit: "%" };
  });
  return [...kl, ...mass];
}

export function render(context) {
  const prepared = prepare(context.model);
  return show(context, {
    reads: ["x1", "x2"],
    numbers: state => numbers(state, prepared),
    build: (parent, model) => build(parent, model, prepared),
    print,
    cells: cellsOf(prepared),
    columns: prepared.posteriors.length,
  });
}

export default { render };
