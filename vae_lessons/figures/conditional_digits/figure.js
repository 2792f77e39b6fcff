// One position in the latent space of a conditional VAE, decoded in every class, and what a classifier reads.

import { axisBelow, axisLeft, scale } from "../runtime/axes.js";
import { append, change, label, panel } from "../runtime/dom.js";
import { handle } from "../runtime/handles.js";
import { imageCanvas, paintImage } from "../runtime/images.js";
import { set, snap } from "../runtime/model.js";
import { loadNetwork, meanImage, unpackRows } from "../runtime/networks.js";
import { fixed, logNormal } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const SIDE = 258; // of the plane
const LEFT = 52;
const TOP = 22;

function softmax(logits) {
  const largest = Math.max(...logits);
  const weights = Array.from(logits, logit => Math.exp(logit - largest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map(weight => weight / sum);
}

export function prepare(model) {
  const { decoder, classifier, sets, mu, sd, axes, shape } = model.get("_model");
  const latentDim = decoder.layers[0][0] - classifier.layers[classifier.layers.length - 1][1];
  const [means, deviations] = [mu, sd].map(rows => unpackRows(rows, latentDim));
  const [decode, classify] = [loadNetwork(model, decoder), loadNetwork(model, classifier)];
  const inClass = (eps, c) => {
    const z = eps.map((value, k) => means[c][k] + deviations[c][k] * value);
    const pixels = meanImage(decoder, decode([...z, ...means.map((_, other) => (other === c ? 1 : 0))]));
    const probabilities = softmax(classify(pixels));
    return { pixels, probabilities, read: probabilities.indexOf(Math.max(...probabilities)) };
  };
  return { sets: unpackRows(sets, latentDim), means, deviations, axes, shape, inClass, computed: new WeakMap() };
}

// What is decoded and read in each class, once for each state.
function compute(state, { sets, axes, means, inClass, computed }) {
  if (!computed.has(state)) {
    const eps = Array.from(sets[(state.draws ?? 0) % sets.length]);
    [eps[axes[0]], eps[axes[1]]] = [state.across, state.up];
    computed.set(state, { eps, classes: means.map((_, c) => inClass(eps, c)) });
  }
  return computed.get(state);
}

export function numbers(state, prepared) {
  const { eps, classes } = compute(state, prepared);
  const chosen = classes[state.label];
  const deviations = prepared.deviations[state.label];
  return {
    read: chosen.read,
    probability: chosen.probabilities[state.label],
    right: classes.filter(({ read }, c) => read === c).length,
    log_prior: eps.reduce((sum, value, k) => sum + logNormal(value, 0, 1) - Math.log(deviations[k]), 0),
  };
}

function print({ read, probability, right, log_prior }) {
  return {
    read: String(read),
    probability: fixed(100 * probability, 1),
    right: String(right),
    log_prior: fixed(log_prior, 2),
  };
}

// Codes of test images, over circles at one and two standard deviations of the prior.
function plane(parent, model) {
  const svg = panel(parent, { width: 330, height: 316, label: "Codes of test images on the plane, and the position" });
  const { reach, n_colours, axes } = model.get("_constants");
  const { labels, codes } = model.get("_model");
  const size = { width: SIDE, height: SIDE, viewBox: `0 0 ${SIDE} ${SIDE}` };
  const field = append(svg, "svg", { x: LEFT, y: TOP, ...size, class: "clip" });
  const [x, y] = [scale([-reach, reach], [LEFT, LEFT + SIDE]), scale([-reach, reach], [TOP + SIDE, TOP])];
  const dotAt = code => `M${(x(code[0]) - LEFT).toFixed(1)},${(y(code[1]) - TOP).toFixed(1)}h0`;
  const dots = unpackRows(codes, 2).map(dotAt);
  const [others, own] = ["codes others", "codes own"].map(name => append(field, "path", { class: name }));
  for (const radius of [1, 2]) {
    append(field, "circle", { class: "line thin prior", cx: SIDE / 2, cy: SIDE / 2, r: x(radius) - x(0) });
    label(field, `${radius}σ`, "prior", { x: SIDE / 2 + 4, y: y(radius) - TOP - 4 });
  }
  const hair = append(svg, "path", { class: "hair" });
  axisBelow(svg, TOP + SIDE)(x, [-reach, 0, reach]);
  axisLeft(svg, LEFT)(y, [-reach, 0, reach]);
  label(svg, axes[0], "ink", { x: x(reach / 2), y: TOP + SIDE + 17, "text-anchor": "middle" });
  label(svg, axes[1], "ink", { x: LEFT - 7, y: y(reach / 2) + 4, "text-anchor": "end" });
  const name = label(svg, "", "own", { x: LEFT + SIDE, y: 14, "text-anchor": "end" });
  const place = handle(svg, "ink", (across, up) => {
    model.set("across", snap(model, "across", x.toValue(across)));
    set(model, "up", snap(model, "up", y.toValue(up)));
  });
  return ({ label: chosen, across, up }) => {
    change(others, { d: dots.filter((_, i) => labels[i] !== chosen).join("") });
    change(own, { d: dots.filter((_, i) => labels[i] === chosen).join("") });
    for (const node of [own, name]) node.style.setProperty("--ink", `var(--class-${chosen % n_colours})`);
    name.textContent = `test images of class ${chosen}`;
    change(hair, { d: `M${x(across)},${TOP}v${SIDE}M${LEFT},${y(up)}h${SIDE}` });
    place(x(across), y(up));
  };
}

// The image of the chosen class, with its name below.
function large(parent, shape) {
  const box = append(parent, "div", { class: "class-image" });
  const canvas = imageCanvas(box, shape, "Image of the chosen class");
  const name = append(box, "span", { "aria-hidden": "true" });
  return (chosen, pixels) => {
    paintImage(canvas, pixels, shape);
    name.textContent = `decoded as class ${chosen}`;
  };
}

// A small image of each class. One that is pressed is chosen.
function strip(parent, model, { means, shape }) {
  const row = append(parent, "div", { class: "class-strip" });
  const tiles = means.map((_, c) => {
    const tile = append(row, "div", { class: "class-tile" });
    tile.addEventListener("click", () => set(model, "label", c));
    return { tile, canvas: imageCanvas(tile, shape, ""), name: append(tile, "span", { "aria-hidden": "true" }) };
  });
  return (chosen, classes) => {
    tiles.forEach(({ tile, canvas, name }, c) => {
      const { pixels, read } = classes[c];
      paintImage(canvas, pixels, shape);
      change(canvas, { "aria-label": `class ${c}, read as ${read}` });
      name.textContent = read === c ? String(c) : `${c}, as ${read}`;
      tile.classList.toggle("misread", read !== c);
      tile.classList.toggle("chosen", c === chosen);
    });
  };
}

function build(parent, model, prepared) {
  const paintPlane = plane(parent, model);
  const paintLarge = large(parent, prepared.shape);
  const paintStrip = strip(parent, model, prepared);
  return state => {
    const { classes } = compute(state, prepared);
    paintPlane(state);
    paintLarge(state.label, classes[state.label].pixels);
    paintStrip(state.label, classes);
  };
}

export function render(context) {
  const prepared = prepare(context.model);
  const of = `of ${prepared.means.length}`;
  return show(context, {
    reads: context.model.get("_controls").map(({ name }) => name),
    numbers: state => numbers(state, prepared),
    build: (parent, model) => build(parent, model, prepared),
    print,
    cells: [
      { key: "read", name: ({ label }) => `class ${label} is read as`, spoken: ({ label }) => `class ${label}, read as` },
      { key: "probability", name: "its probability", spoken: "probability of the class", unit: "%" },
      { key: "right", name: "read as their class", spoken: "read as their class", unit: of },
      { key: "log_prior", name: "log p(z | c)", spoken: "log prior", unit: "nats" },
    ],
    columns: 4,
  });
}

export default { render };
