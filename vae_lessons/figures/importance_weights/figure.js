// Importance weights w = p(x, z) / q(z | x) of draws from q, and the bound L_k = log 1/k Σ w_i of the first k.

import { axisBelow, axisLeft, curve, scale, steps } from "../runtime/axes.js";
import { expectedLogLikelihood, logEvidence, logJoint } from "../runtime/bent_decoder.js";
import { append, change, clip, label, panel } from "../runtime/dom.js";
import { gaussianHandles, handle } from "../runtime/handles.js";
import { set } from "../runtime/model.js";
import { unpackRows } from "../runtime/networks.js";
import { fixed, klToStandardNormal, logNormal, normal } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const SPREAD = 6; // standard deviations of q to each side
const PIECES = 400; // that quadrature cuts them into
const NEXT_TO_NOTHING = -50; // a power of 2, below which e^-t is 1
const LARGE = 6; // above it e^-t is 0
const ROUNDING = 1e-17;
const TICK_STEPS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500]; // nats, and %

const bentOf = ({ bend, _constants: { x, noise } }) => ({ x, bend, noise });
const sdOf = ({ logvar }) => Math.exp(logvar / 2);

// Returns z => log w.
function logWeightOf(state) {
  const [bent, sd] = [bentOf(state), sdOf(state)];
  return z => logJoint(z, bent) - logNormal(z, state.mu, sd);
}

// The draws, their shares of the weight, and the bounds of the first, of the first two, and so on.
function weigh(state, noise) {
  const sd = sdOf(state);
  const z = Array.from(noise[state.draws % noise.length].subarray(0, state.samples), eps => state.mu + sd * eps);
  const logWeights = z.map(logWeightOf(state));
  let log = -Infinity; // of the sum so far
  const running = logWeights.map((logWeight, i) => {
    log = Math.max(log, logWeight) + Math.log1p(Math.exp(-Math.abs(log - logWeight)));
    return log - Math.log(i + 1);
  });
  return { z, shares: logWeights.map(logWeight => Math.exp(logWeight - log)), running };
}

// φ(s) = E_q[e^-sw] at s = 2^j, by quadrature over q. Returns j => φ, and the j from which it is less than 1.
function laplaceTransform(state) {
  const [logWeight, sd] = [logWeightOf(state), sdOf(state)];
  const nodes = steps(-SPREAD, SPREAD, (2 * SPREAD) / PIECES).map(eps => {
    const power = logWeight(state.mu + sd * eps) / Math.LN2;
    return { mass: normal(eps, 0, 1), power, from: Math.floor(NEXT_TO_NOTHING - power) };
  });
  const begins = nodes.map(({ from }) => from);
  const low = Math.min(...begins);
  const length = Math.max(...begins) - low + LARGE - NEXT_TO_NOTHING + 2;
  const [table, whole] = [new Float64Array(length), new Float64Array(length)];
  for (const { mass, power, from } of nodes) {
    whole[from - low] += mass; // before it begins, sw is next to nothing and e^-sw is 1
    for (let j = from - low, sw = 2 ** (power + from); sw < 2 ** LARGE; j++, sw *= 2) table[j] += mass * Math.exp(-sw);
  }
  let sum = 0;
  for (let j = length - 1; j >= 0; j--) {
    table[j] += sum;
    sum += whole[j];
  }
  return { low, phi: j => (j < low ? 1 : (table[j - low] ?? 0) / sum) };
}

// E[L_k] for each k = 2^i. For S > 0, log S = ∫ (e^-t − e^-tS) dt/t. With S = 1/k Σ w, E[e^-tS] = φ(t/k)^k. So one
// table of φ serves all k: the trapezoid rule in log t takes t = 2^j, and φ(t/k) is the table moved by i places.
function expectedBounds(state) {
  const { low, phi } = laplaceTransform(state);
  return state._constants.samples.map((k, i) => {
    let sum = -i;
    for (let j = Math.min(low, NEXT_TO_NOTHING); ; j++) {
      const left = phi(j) ** k;
      sum += Math.exp(-(2 ** j)) - left;
      if (j > LARGE && left < ROUNDING) return Math.LN2 * sum;
    }
  });
}

export function prepare(model) {
  const samples = model.get("_constants").samples;
  return { noise: unpackRows(model.get("_noise"), samples[samples.length - 1]), computed: new WeakMap() };
}

// All that is shown, computed once for each state.
function compute(state, { noise, computed }) {
  if (!computed.has(state)) computed.set(state, { ...weigh(state, noise), expected: expectedBounds(state) });
  return computed.get(state);
}

export function numbers(state, prepared) {
  const { shares, running, expected } = compute(state, prepared);
  const { mu, logvar, samples } = state;
  return {
    elbo: expectedLogLikelihood(mu, logvar, bentOf(state)) - klToStandardNormal(mu, logvar),
    bound: running[running.length - 1],
    expected_bound: expected[state._constants.samples.indexOf(samples)],
    log_evidence: logEvidence(bentOf(state)),
    ess: 1 / shares.reduce((sum, share) => sum + share ** 2, 0),
    largest: Math.max(...shares),
  };
}

function print({ ess, largest, ...nats }) {
  const texts = Object.entries(nats).map(([key, value]) => [key, fixed(value, 3)]);
  return { ...Object.fromEntries(texts), ess: fixed(ess, 1), largest: fixed(100 * largest, largest < 0.1 ? 1 : 0) };
}

function densities(svg, model, x) {
  const floor = 150;
  const range = /** @type {[number, number]} */ (x.domain);
  const plot = clip(svg, x, scale([0, 1], [floor, 0]));
  const filled = append(plot, "path", { class: "area posterior" });
  const posterior = append(plot, "path", { class: "line posterior" });
  const q = append(plot, "path", { class: "line encoder" });
  append(svg, "path", { class: "axis", d: `M${x.range[0]},${floor}H${x.range[1]}` });
  const posteriorName = label(svg, "p(z | x)", "posterior");
  const qName = label(svg, "q(z | x)", "encoder", { "text-anchor": "middle" });
  const placeHandles = gaussianHandles(svg, model, x);
  return (state, { log_evidence }) => {
    const [bent, sd] = [bentOf(state), sdOf(state)];
    const posteriorAt = z => Math.exp(logJoint(z, bent) - log_evidence);
    const mode = steps(...range, 0.02).reduce((best, z) => (posteriorAt(z) > posteriorAt(best) ? z : best), 0);
    const y = scale([0, Math.max(0.46, normal(0, 0, sd), posteriorAt(mode))], [floor, 30]);
    const outline = curve(posteriorAt, ...range, x, y, 400);
    change(posterior, { d: outline });
    change(filled, { d: outline + "Z" });
    change(q, { d: curve(z => normal(z, state.mu, sd), state.mu - 6 * sd, state.mu + 6 * sd, x, y) });
    change(qName, { x: x(state.mu), y: y(normal(0, 0, sd)) - 13 });
    const away = mode < state.mu ? -1 : 1; // from q
    let shoulder = mode;
    while (posteriorAt(shoulder) > 0.6 * posteriorAt(mode)) shoulder += 0.02 * away;
    const anchor = away < 0 ? "end" : "start";
    change(posteriorName, { x: x(shoulder) + 7 * away, y: y(posteriorAt(shoulder)), "text-anchor": anchor });
    placeHandles(state, y);
  };
}

// A stem for each draw, as high as its share of the weight, on an axis that holds the largest.
function stems(svg, x) {
  const [floor, top] = [292, 190];
  const plot = clip(svg, x, scale([0, 1], [floor, top - 8]));
  const lines = append(plot, "path", { class: "line thin encoder" });
  const tip = append(svg, "circle", { class: "tip encoder", r: 3.5 });
  const drawAxis = axisLeft(svg, x.range[0]);
  axisBelow(svg, floor)(x, steps(-4, 4, 2));
  label(svg, "z", "ink", { x: x.range[1], y: floor + 17, "text-anchor": "end" });
  label(svg, "share of the weight, %", "ink", { x: x.range[0], y: top - 14 });
  return (_, { largest }, { z, shares }) => {
    const step = [...TICK_STEPS].reverse().find(step => step <= 100 * largest) ?? TICK_STEPS[0];
    const y = scale([0, largest], [floor, top]);
    drawAxis(scale([0, 100 * largest], [floor, top]), [0, step]);
    change(lines, { d: z.map((at, i) => `M${x(at).toFixed(2)},${floor}V${y(shares[i]).toFixed(2)}`).join("") });
    change(tip, { cx: x(z[shares.indexOf(largest)]), cy: top });
  };
}

// Bounds against the number of samples, of which each step to the right doubles it.
function bounds(svg, model) {
  const { samples } = model.get("_constants");
  const x = scale([0, samples.length - 1], [50, 306]);
  const [left, right] = x.range;
  const [floor, top] = [292, 34];
  const plot = clip(svg, x, scale([0, 1], [floor, top]));
  const drawAxis = axisLeft(svg, left);
  samplesAxis(svg, x, floor, samples);
  label(svg, "nats", "ink", { x: left, y: 20, "text-anchor": "end" });
  const [elbo, evidence] = ["stem ink", "line data"].map(name => append(svg, "path", { class: name }));
  const [mean, running] = ["line thin ink", "line encoder"].map(name => append(plot, "path", { class: name }));
  const dots = append(svg, "path", { class: "means" });
  const placeNames = boundNames(svg, x);
  const last = samples.length - 1;
  const drag = at => set(model, "samples", samples[Math.min(last, Math.max(0, Math.round(x.toValue(at))))]);
  const place = handle(svg, "encoder", drag);
  return (state, values, { running: all, expected }) => {
    const gap = values.log_evidence - values.elbo;
    const [low, high] = [values.elbo - gap - 0.1, values.log_evidence + 0.3 * gap + 0.1];
    const y = scale([low, high], [floor, top]);
    const step = TICK_STEPS.find(step => (high - low) / step < 6) ?? high - low;
    drawAxis(y, steps(Math.ceil(low / step), Math.floor(high / step), 1).map(tick => Number((tick * step).toFixed(2))));
    change(elbo, { d: `M${left},${y(values.elbo)}H${right}` });
    change(evidence, { d: `M${left},${y(values.log_evidence)}H${right}` });
    const means = expected.map((value, i) => `${x(i)},${y(value).toFixed(2)}`);
    change(mean, { d: "M" + means.join("L") });
    change(dots, { d: means.map(point => `M${point}h0`).join("") });
    const pointOf = (value, i) => `${x(Math.log2(i + 1)).toFixed(2)},${y(value).toFixed(2)}`;
    change(running, { d: "M" + all.map(pointOf).join("L") });
    const [across, down] = [x(Math.log2(state.samples)), Math.min(floor, Math.max(top, y(values.bound)))];
    place(across, down);
    placeNames(y, values, expected, across, down);
  };
}

function samplesAxis(svg, x, y, samples) {
  const marks = samples.map((_, i) => `M${x(i)},${y}v${i % 2 ? 3 : 5}`).join("");
  append(svg, "path", { class: "axis", d: `M${x.range[0]},${y}H${x.range[1]}${marks}` });
  for (let i = 0; i < samples.length; i += 2) {
    append(svg, "text", { class: "tick", x: x(i), y: y + 17, "text-anchor": "middle" }, samples[i]);
  }
  label(svg, "samples", "ink", { x: x.range[1], y: y - 8, "text-anchor": "end" });
}

// The lines' names lie at their ends; the name of what these draws give is beside its handle, clear of the others.
function boundNames(svg, x) {
  const [left, right] = x.range;
  const evidence = label(svg, "log p(x)", "data", { x: left + 6 });
  const atRight = name => label(svg, name, "ink", { x: right, "text-anchor": "end" });
  const [elbo, mean] = ["ELBO", "expected bound"].map(atRight);
  const own = label(svg, "these draws", "encoder");
  return (y, values, expected, across, down) => {
    const heights = [y(values.log_evidence) - 7, y(values.elbo) + 16, Math.max(...expected.slice(6).map(y)) + 18];
    [evidence, elbo, mean].forEach((name, i) => change(name, { y: heights[i] }));
    const isFree = heights[2] < y(values.elbo) - 4;
    mean.style.display = isFree ? "" : "none";
    const taken = isFree ? heights : heights.slice(0, 2);
    const isClear = by => taken.every(height => Math.abs(down + by - height) > 18);
    const free = [4, 22, -14, 38, -30, 54, -46].find(isClear) ?? 4;
    const isLeft = across > (left + right) / 2;
    change(own, { x: across + (isLeft ? -13 : 13), y: down + free, "text-anchor": isLeft ? "end" : "start" });
  };
}

function build(parent, model, prepared) {
  const first = panel(parent, {
    width: 380, height: 316, label: "Above: true posterior and q. Below: the share of the weight of each draw from q",
  });
  const second = panel(parent, { width: 320, height: 316, label: "Bounds on log p(x) against the number of samples" });
  const { reach } = model.get("_constants");
  const x = scale([-reach, reach], [38, 372]);
  const paints = [densities(first, model, x), stems(first, x), bounds(second, model)];
  return (state, values) => {
    const computed = compute(state, prepared);
    for (const paint of paints) paint(state, values, computed);
  };
}

const cells = [
  { key: "elbo", name: "ELBO", spoken: "ELBO" },
  { key: "expected_bound", name: "expected bound", spoken: "expected bound" },
  { key: "log_evidence", name: "log p(x)", spoken: "log evidence" },
  { key: "bound", name: "bound of these draws", spoken: "bound of these draws" },
  { key: "ess", name: "effective sample size", spoken: "effective sample size", unit: "" },
  { key: "largest", name: "largest weight", spoken: "largest weight", unit: "%" },
];

export function render(context) {
  const prepared = prepare(context.model);
  return show(context, {
    reads: ["mu", "logvar", "bend", "samples", "draws"],
    numbers: state => numbers(state, prepared),
    build: (parent, model) => build(parent, model, prepared),
    print,
    cells,
    columns: 3,
    unit: "nats",
  });
}

export default { render };
