// The log-evidence in three bars: reconstruction - KL + gap = log p(x).
//
// z ~ N(0, 1),  x | z ~ N(g(z), noise²),  g(z) = z + bend z²/2,  q = N(μ, σ²)

import { axisBelow, axisLeft, bar, curve, scale, steps } from "../runtime/axes.js";
import { decode, expectedLogLikelihood, integral, logEvidence, logJoint } from "../runtime/bent_decoder.js";
import { append, change, clip, label, panel } from "../runtime/dom.js";
import { gaussianHandles, handle } from "../runtime/handles.js";
import { move } from "../runtime/model.js";
import { fixed, klToStandardNormal, logNormal, normal } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const NATS_AXES = [[-4, 1], [-8, 2], [-16, 4], [-40, 10], [-100, 20], [-250, 50], [-700, 100]]; // lowest, step
const TERMS = [
  { name: "reconstruction", colour: "decoder", centre: 104 },
  { name: "− KL", colour: "prior", centre: 174 },
  { name: "+ gap", colour: "posterior", centre: 236 },
];
const HALF = 22; // of the width of a bar

const bentOf = ({ x, bend, _constants: { noise } }) => ({ x, bend, noise });

// The gap is an integral of its own, over the range of q. That all four add up is then a result.
export function numbers(state) {
  const { mu, logvar } = state;
  const bent = bentOf(state);
  const sd = Math.exp(logvar / 2);
  const reconstruction = expectedLogLikelihood(mu, logvar, bent);
  const kl = klToStandardNormal(mu, logvar);
  const log_evidence = logEvidence(bent);
  const excess = z => logNormal(z, mu, sd) - logJoint(z, bent) + log_evidence; // log q(z) / p(z | x)
  const gap = integral(z => normal(z, mu, sd) * excess(z), mu - 9 * sd, mu + 9 * sd, 400);
  return { reconstruction, kl, elbo: reconstruction - kl, gap: Math.max(0, gap), log_evidence }; // below 0 is rounding
}

// What is printed adds up as printed: log p(x), KL and gap are rounded, and the ELBO and the reconstruction follow.
function print(values) {
  const [kl, gap, log_evidence] = [values.kl, values.gap, values.log_evidence].map(value => Math.round(1000 * value));
  const elbo = log_evidence - gap;
  const rounded = { kl, gap, log_evidence, elbo, reconstruction: elbo + kl };
  return Object.fromEntries(Object.entries(rounded).map(([key, value]) => [key, fixed(value / 1000, 3)]));
}

function densities(svg, model, x) {
  const floor = 150;
  const range = /** @type {[number, number]} */ (x.domain);
  const plot = clip(svg, x, scale([0, 1], [floor, 0]));
  const filled = append(plot, "path", { class: "area posterior" });
  const posterior = append(plot, "path", { class: "line posterior" });
  const prior = append(plot, "path", { class: "line thin prior" });
  const q = append(plot, "path", { class: "line encoder" });
  append(svg, "path", { class: "axis", d: `M${x.range[0]},${floor}H${x.range[1]}` });
  const placeNames = densityNames(svg, x);
  const placeHandles = gaussianHandles(svg, model, x);
  return (state, { log_evidence }) => {
    const { mu, logvar } = state;
    const bent = bentOf(state);
    const sd = Math.exp(logvar / 2);
    const qAt = z => normal(z, mu, sd);
    const posteriorAt = z => Math.exp(logJoint(z, bent) - log_evidence);
    const mode = steps(...range, 0.02).reduce((best, z) => (posteriorAt(z) > posteriorAt(best) ? z : best), 0);
    const y = scale([0, Math.max(0.46, qAt(mu), posteriorAt(mode))], [floor, 30]);
    const outline = curve(posteriorAt, ...range, x, y, 400);
    change(posterior, { d: outline });
    change(filled, { d: outline + "Z" });
    change(prior, { d: curve(z => normal(z, 0, 1), ...range, x, y) });
    change(q, { d: curve(qAt, mu - 6 * sd, mu + 6 * sd, x, y) });
    const handles = placeHandles(state, y);
    placeNames(y, { mu, handles, mode, qAt, posteriorAt });
  };
}

// Each curve's name where the others, and the handles of q, leave space.
function densityNames(svg, x) {
  const posterior = label(svg, "p(z | x)", "posterior");
  const prior = label(svg, "p(z)", "prior", { "text-anchor": "middle" });
  const q = label(svg, "q(z)", "encoder", { "text-anchor": "middle" });
  return (y, { mu, handles, mode, qAt, posteriorAt }) => {
    change(q, { x: x(mu), y: y(qAt(mu)) - 13 });
    const away = mode < mu ? -1 : 1; // from q
    let shoulder = mode;
    while (posteriorAt(shoulder) > 0.6 * posteriorAt(mode)) shoulder += 0.02 * away;
    const anchor = away < 0 ? "end" : "start";
    const [left, top] = [x(shoulder) + 7 * away, y(posteriorAt(shoulder))];
    change(posterior, { x: left, y: top, "text-anchor": anchor });
    const heightAt = z => y(normal(z, 0, 1)) - 7;
    const isHandle = z => handles.some(at => Math.abs(z - at) < 0.9);
    const isName = z => Math.abs(x(z) - left - 23 * away) < 40 && Math.abs(heightAt(z) - top) < 14;
    const crowd = z => qAt(z) + posteriorAt(z) + isHandle(z) + isName(z) + Math.abs(z) / 2; // near to the peak
    const free = [2.3, -2.3, 3.2, -3.2].reduce((best, z) => (crowd(z) < crowd(best) ? z : best));
    change(prior, { x: x(free), y: heightAt(free) });
  };
}

// The decoder, and the datum as a level that cuts it.
function decoder(svg, model, x) {
  const { noise, reach } = model.get("_constants");
  const y = scale([-4, 4], [292, 172]);
  const plot = clip(svg, x, y);
  const band = append(plot, "path", { class: "area decoder" });
  const mean = append(plot, "path", { class: "line decoder" });
  const level = append(svg, "path", { class: "line data" });
  axisLeft(svg, x.range[0])(y, [-3, 0, 3]);
  axisBelow(svg, y.range[0])(x, steps(-4, 4, 2));
  label(svg, "z", "ink", { x: x.range[1], y: y.range[0] + 17, "text-anchor": "end" });
  const meanName = label(svg, "g(z)", "decoder");
  const datumName = label(svg, "x", "data", { x: x.range[1] - 18, "text-anchor": "end" });
  const placeHandle = handle(svg, "data", (_, at) => move(model, "x", y.toValue(at)));
  return ({ x: datum, bend }) => {
    const edge = side => curve(z => decode(z, bend) + side * noise, -reach * side, reach * side, x, y);
    change(mean, { d: curve(z => decode(z, bend), -reach, reach, x, y) });
    change(band, { d: edge(1) + edge(-1).replace("M", "L") + "Z" });
    change(level, { d: `M${x.range[0]},${y(datum)}H${x.range[1]}` });
    change(datumName, { y: y(datum) - 6 });
    const height = datum > 1.4 ? 0 : 2.9; // away from the level, on the branch that rises
    const z = bend < 0.01 ? height : (Math.sqrt(1 + 2 * bend * height) - 1) / bend;
    change(meanName, { x: x(z) + 12, y: y(height) + 5 });
    placeHandle(x.range[1] - 5, y(datum));
  };
}

// From 0 down by the reconstruction, down by the KL to the ELBO, up by the gap to log p(x).
function waterfall(svg) {
  const drawAxis = axisLeft(svg, 42);
  label(svg, "nats", "ink", { x: 42, y: 20, "text-anchor": "end" });
  const [reconstruction, kl, gap] = TERMS.map(({ name, colour, centre }) => {
    label(svg, name, colour, { x: centre, y: 20, "text-anchor": "middle" });
    return append(svg, "rect", { class: `bar ${colour}`, x: centre - HALF, width: 2 * HALF });
  });
  const [zero, links, evidence] = ["axis", "stem ink", "line data"].map(name => append(svg, "path", { class: name }));
  const elboName = label(svg, "ELBO", "encoder", { x: TERMS[1].centre, "text-anchor": "middle" });
  const evidenceName = label(svg, "log p(x)", "data", { x: 312, "text-anchor": "end" });
  const [first, second, third] = TERMS.map(({ centre }) => centre);
  return values => {
    const [lowest, step] = NATS_AXES.find(([lowest]) => lowest <= values.elbo) ?? NATS_AXES[NATS_AXES.length - 1];
    const y = scale([lowest, 0], [292, 34]);
    drawAxis(y, steps(lowest, 0, step));
    change(zero, { d: `M42,${y(0)}H312` });
    bar(reconstruction, y, 0, values.reconstruction);
    bar(kl, y, values.reconstruction, values.elbo);
    bar(gap, y, values.elbo, values.log_evidence);
    const [upper, lower] = [y(values.reconstruction), y(values.elbo)];
    change(links, { d: `M${first + HALF},${upper}H${second - HALF}M${second - HALF},${lower}H${third + HALF}` });
    change(evidence, { d: `M42,${y(values.log_evidence)}H312` });
    change(elboName, { y: y(values.elbo) + 16 });
    const below = y(values.log_evidence) - y(0) < 20 ? 22 : 0; // no space between the line and 0
    change(evidenceName, { y: y(values.log_evidence) - 6 + below });
  };
}

function build(parent, model) {
  const left = panel(parent, {
    width: 380, height: 316, label: "Above: true posterior, q and prior. Below: the decoder's curve, and the datum",
  });
  const right = panel(parent, { width: 320, height: 316, label: "Reconstruction, KL and gap as bars that add up to log p(x)" });
  const { reach } = model.get("_constants");
  const x = scale([-reach, reach], [30, 372]);
  const paintDensities = densities(left, model, x);
  const paintDecoder = decoder(left, model, x);
  const paintWaterfall = waterfall(right);
  return (state, values) => {
    paintDensities(state, values);
    paintDecoder(state);
    paintWaterfall(values);
  };
}

const cells = [
  { key: "reconstruction", name: "reconstruction", spoken: "reconstruction" },
  { key: "kl", name: "− KL", spoken: "minus KL" },
  { key: "elbo", name: "= ELBO", spoken: "ELBO" },
  { key: "gap", name: "+ gap", spoken: "plus gap" },
  { key: "log_evidence", name: "= log p(x)", spoken: "log evidence" },
];

export function render(context) {
  const reads = ["mu", "logvar", "x", "bend"];
  return show(context, { reads, numbers, build, print, cells, columns: 5, unit: "nats" });
}

export default { render };
