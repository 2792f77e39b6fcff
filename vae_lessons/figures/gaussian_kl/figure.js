// KL( N(μ, σ²) || N(0, 1) ) in its three parts.

import { axisBelow, axisLeft, bar, curve, scale, steps } from "../runtime/axes.js";
import { append, change, clip, label, panel } from "../runtime/dom.js";
import { gaussianHandles } from "../runtime/handles.js";
import { fixed, klToStandardNormal, normal, plain } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const NATS_AXES = [[-1, 2, 0.5], [-2, 6, 1], [-5, 15, 5]]; // lowest, highest, step: the first that holds all bars
const TERMS = [["mean", "μ²/2"], ["spread", "(σ² − 1)/2"], ["logarithm", "−½ log σ²"], ["kl", "KL"]];

export function numbers({ mu, logvar }) {
  const spread = Math.expm1(logvar) / 2; // (σ² - 1)/2, with all its digits near σ² = 1
  const kl = klToStandardNormal(mu, logvar);
  return { mean: mu ** 2 / 2, spread, logarithm: -logvar / 2, kl, bits: kl / Math.LN2 };
}

// The printed parts add up to the printed KL: the spread takes what rounding leaves.
function print({ mean, logarithm, kl, bits }) {
  const rounded = [mean, logarithm, kl].map(value => Math.round(1000 * value));
  const spread = rounded[2] - rounded[0] - rounded[1];
  const [first, second, total, middle] = [...rounded, spread].map(thousandths => fixed(thousandths / 1000, 3));
  return { mean: first, spread: middle, logarithm: second, kl: total, bits: fixed(bits, 3) };
}

function densities(svg, model) {
  const { reach } = model.get("_constants");
  const x = scale([-reach, reach], [8, 372]);
  const floor = 238;
  const plot = clip(svg, x, scale([0, 1], [floor, 0]));
  const filled = append(plot, "path", { class: "area encoder" });
  const prior = append(plot, "path", { class: "line prior" });
  const q = append(plot, "path", { class: "line encoder" });
  const middle = append(svg, "path", { class: "stem encoder" });
  axisBelow(svg, floor)(x, steps(-reach, reach, 2));
  label(svg, "z", "ink", { x: 372, y: floor - 6, "text-anchor": "end" });
  const priorName = label(svg, "p(z) = N(0, 1)", "prior");
  const qName = label(svg, "q(z) = N(μ, σ²)", "encoder");
  const placeHandles = gaussianHandles(svg, model, x);
  return state => {
    const { mu, logvar } = state;
    const sd = Math.exp(logvar / 2);
    const y = scale([0, Math.max(0.46, normal(mu, mu, sd))], [floor, 34]);
    const outline = curve(z => normal(z, mu, sd), mu - 6 * sd, mu + 6 * sd, x, y);
    change(q, { d: outline });
    change(filled, { d: outline + "Z" });
    change(prior, { d: curve(z => normal(z, 0, 1), -reach, reach, x, y) });
    change(middle, { d: `M${x(mu)},${floor}V${y(normal(mu, mu, sd))}` });
    // Each name extends to where the other density is not.
    const [outward, inward] = mu < 0 ? ["end", "start"] : ["start", "end"];
    change(priorName, { x: x(mu < 0 ? 1.15 : -1.15), y: y(normal(1, 0, 1)) - 2, "text-anchor": inward });
    const start = mu < 0 ? Math.max(100, x(mu) + 10) : Math.min(280, x(mu) - 10);
    change(qName, { x: start, y: y(normal(mu, mu, sd)) - 14, "text-anchor": outward });
    placeHandles(state, y);
  };
}

function bars(svg) {
  const centre = i => 78 + 66 * i;
  const drawAxis = axisLeft(svg, 38);
  label(svg, "nats", "ink", { x: 38, y: 14, "text-anchor": "middle" });
  const zero = append(svg, "path", { class: "axis" });
  TERMS.forEach(([, name], i) => label(svg, name, "ink", { x: centre(i), y: 262, "text-anchor": "middle" }));
  const drawn = TERMS.map(([key], i) => ({
    key,
    rectangle: append(svg, "rect", { class: `bar encoder ${key}`, x: centre(i) - 22, width: 44 }),
    value: append(svg, "text", { class: "tick", x: centre(i), "text-anchor": "middle" }),
  }));
  return values => {
    const lowest = Math.min(...drawn.map(({ key }) => values[key]));
    const highest = Math.max(...drawn.map(({ key }) => values[key]));
    const fitting = NATS_AXES.find(([low, high]) => low <= lowest && highest <= high);
    const [low, high, step] = fitting ?? NATS_AXES[NATS_AXES.length - 1];
    const y = scale([low, high], [238, 24]);
    drawAxis(y, steps(low, high, step));
    change(zero, { d: `M38,${y(0)}H306` });
    const printed = print(values);
    for (const { key, rectangle, value } of drawn) {
      bar(rectangle, y, 0, values[key]);
      value.textContent = plain(printed[key]);
      change(value, { y: y(values[key]) + (values[key] < 0 ? 16 : -6) });
    }
  };
}

function build(parent, model) {
  const left = panel(parent, { width: 380, height: 270, label: "The densities of q and of the prior p" });
  const right = panel(parent, { width: 320, height: 270, label: "The three parts of the KL and their sum, as bars" });
  const paintDensities = densities(left, model);
  const paintBars = bars(right);
  return (state, values) => {
    paintDensities(state);
    paintBars(values);
  };
}

const cells = [
  { key: "mean", name: "μ²/2", spoken: "mean part" },
  { key: "spread", name: "+ (σ² − 1)/2", spoken: "spread part" },
  { key: "logarithm", name: "− ½ log σ²", spoken: "logarithm part" },
  { key: "kl", name: "= KL", spoken: "KL" },
  { key: "bits", name: "KL in bits", spoken: "KL", unit: "bits" },
];

export function render(context) {
  const reads = ["mu", "logvar"];
  return show(context, { reads, numbers, build, print, cells, columns: 5, unit: "nats" });
}

export default { render };
