// Nodes of a graph in the latent plane, and how likely links between them are: σ(zᵢᵀ W zⱼ + b).

import { axisBelow, axisLeft, scale, steps } from "../runtime/axes.js";
import { dots, inside, nearest } from "../runtime/code_dots.js";
import { append, change, clip, label, panel } from "../runtime/dom.js";
import { handle, pointIn } from "../runtime/handles.js";
import { set } from "../runtime/model.js";
import { unpackRows } from "../runtime/networks.js";
import { fixed } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const MAP = { left: 44, top: 14, side: 258 };
const ROUNDING = 1e-9; // of a logit: pairs that are nearer than this share a rank
const NEAR = { mouse: 8, touch: 18 }; // how far from a link one may point, in units of the map
const RING = 9; // radius of what is a ring, and no link
const STILL = 4; // CSS pixels that a pointer may move in a click
const FAR = 100; // beyond the map, in units of z; where boxes are millions of pixels wide, axe-core runs out of memory
const POINTS = 200; // of a curve of shares

const probabilityOf = logit => 1 / (1 + Math.exp(-logit));
const isPair = (first, second) => pair => pair.includes(first) && pair.includes(second) && first !== second;

export function prepare(model) {
  const { mu: packedMu, logvar: packedLogvar, form, intercept, labels } = model.get("_nodes");
  const [mu, logvar] = [packedMu, packedLogvar].map(packed => unpackRows(packed, 2));
  const { linked } = model.get("_pairs");
  const towards = ([u, v]) => form.map(row => row[0] * u + row[1] * v); // W z
  const logit = (one, other) => {
    const [a, b] = towards(one);
    return a * other[0] + b * other[1] + intercept;
  };
  const isLinked = mu.map(() => new Set());
  for (const [i, j] of linked) isLinked[i].add(j);
  /** @type {Record<string, number[]>} */
  const logits = { linked: [], others: [] };
  mu.forEach((one, i) => {
    for (let j = i + 1; j < mu.length; j++) logits[isLinked[i].has(j) ? "linked" : "others"].push(logit(one, mu[j]));
  });
  for (const values of Object.values(logits)) values.sort((a, b) => a - b);
  return { mu, logvar, labels, intercept, towards, logit, logits, noise: unpackRows(model.get("_noise"), 4) };
}

// The share of the others that lie below a logit, those at the same place by half.
function rankOf(logit, others) {
  if (others.length === 0) return 0.5;
  const below = others.filter(other => other < logit - ROUNDING).length;
  const above = others.filter(other => other > logit + ROUNDING).length;
  return (1 + (below - above) / others.length) / 2;
}

export function numbers({ first, second, _pairs }, { mu, logvar, logit, logits, noise }) {
  const drawn = (node, eps, from) => {
    return [0, 1].map(k => mu[node][k] + Math.exp(logvar[node][k] / 2) * eps[from + k]);
  };
  const draws = noise.map(eps => probabilityOf(logit(drawn(first, eps, 0), drawn(second, eps, 2))));
  const ofMeans = logit(mu[first], mu[second]);
  return {
    probability: probabilityOf(ofMeans),
    expected: draws.reduce((sum, p) => sum + p, 0) / draws.length,
    rank: rankOf(ofMeans, logits.others),
    linked: Number(_pairs.linked.some(isPair(first, second))),
    held_out: Number(_pairs.held_out.some(isPair(first, second))),
  };
}

function print({ probability, expected, rank, linked, held_out }, { first, second }) {
  const status = linked ? "linked" : "not linked";
  return {
    probability: fixed(probability, 3),
    expected: fixed(expected, 3),
    rank: fixed(100 * rank, 0),
    status: first === second ? "itself" : status + (held_out ? ", held out" : ""),
  };
}

// The distance of a place from a link, both in units of the map.
function distanceTo([x, y], [[left, top], [right, bottom]]) {
  const [across, along] = [right - left, bottom - top];
  const length = across ** 2 + along ** 2;
  const at = length ? inside(((x - left) * across + (y - top) * along) / length, 1, 0) : 0;
  return Math.hypot(x - left - at * across, y - top - at * along);
}

// The side of the plane on which a node would be linked to this one with a probability above one half.
function likelySide([a, b], intercept, x, y) {
  const square = a ** 2 + b ** 2;
  if (square < ROUNDING) return "";
  const unit = [a, b].map(value => value / Math.sqrt(square));
  const offset = inside(-intercept / Math.sqrt(square), 0, -FAR / 2);
  const at = unit.map(value => offset * value);
  const corner = (along, away) => {
    return `${x(at[0] - along * unit[1] + away * unit[0])},${y(at[1] + along * unit[0] + away * unit[1])}`;
  };
  return `M${corner(-FAR, 0)}L${corner(FAR, 0)}L${corner(FAR, FAR)}L${corner(-FAR, FAR)}Z`;
}

// The latent plane: nodes, links, and the two nodes that are chosen.
function plane(svg, model, prepared) {
  const { left, top, side } = MAP;
  const { reach, n_colours } = model.get("_constants");
  const { mu, labels, logit } = prepared;
  const [x, y] = [scale([-reach, reach], [left, left + side]), scale([-reach, reach], [top + side, top])];
  const places = mu.map(([u, v]) => [x(u), y(v)]);
  const plot = clip(svg, x, y);
  const likely = append(plot, "path", { class: "area decoder" });
  axisBelow(svg, top + side)(x, [-reach, 0, reach]);
  axisLeft(svg, left)(y, [-reach, 0, reach]);
  label(svg, "z₁", "ink", { x: left + 0.75 * side, y: top + side + 17, "text-anchor": "middle" });
  label(svg, "z₂", "ink", { x: left - 7, y: top + 0.25 * side, "text-anchor": "end" });
  const links = drawLinks(svg, model, places);
  const chosen = append(svg, "path", { class: "line decoder" });
  const ellipses = [0, 1].map(() => append(plot, "ellipse", { class: "line thin encoder" }));
  dots(append(svg, "g", { class: "graph-nodes" }), { labels, nColours: n_colours, width: left + side })(places);
  pointAtLinks(svg, links, places, {
    say: ([i, j]) => `${i} and ${j}: ${fixed(probabilityOf(logit(mu[i], mu[j])), 3)}`,
    choose: ([i, j]) => {
      model.set("first", i);
      set(model, "second", j);
    },
    isRing: place => nearest(["first", "second"].map(name => places[model.get(name)]), place).distance < RING,
  });
  const names = ["first", "second"].map(() => label(svg, "", "ink", { "text-anchor": "middle" }));
  const knobs = ["first", "second"].map(name => {
    return handle(svg, "encoder", (across, along) => set(model, name, nearest(places, [across, along]).index));
  });
  return (state, { linked }) => {
    const pair = [state.first, state.second];
    const [one, other] = pair.map(node => places[node]);
    change(chosen, { d: `M${one}L${other}` });
    chosen.classList.toggle("dashed", !linked);
    change(likely, { d: likelySide(prepared.towards(mu[state.first]), prepared.intercept, x, y) });
    pair.forEach((node, i) => {
      const [cx, cy] = places[node];
      const [rx, ry] = Array.from(prepared.logvar[node], value => x(Math.exp(value / 2)) - x(0));
      change(ellipses[i], { cx, cy, rx, ry });
      knobs[i](cx, cy);
    });
    placeNames(names, pair, [one, other]);
  };
}

// Names of the two nodes: that of the upper one is above it, that of the lower one below.
function placeNames(names, pair, places) {
  const { left, top, side } = MAP;
  const upper = places[0][1] <= places[1][1] ? 0 : 1;
  pair.forEach((node, i) => {
    const y = places[i][1] + (i === upper ? -13 : 23);
    names[i].textContent = i === 1 && node === pair[0] ? "" : `node ${node}`;
    change(names[i], { x: inside(places[i][0], left + side, left + 24), y: inside(y, top + side - 2, top + 10) });
  });
}

// Returns the links; those that were held out are dashed.
function drawLinks(svg, model, places) {
  const { linked, held_out } = model.get("_pairs");
  const isHeldOut = ([i, j]) => held_out.some(isPair(i, j));
  for (const [name, pairs] of [["", linked.filter(pair => !isHeldOut(pair))], ["dashed", linked.filter(isHeldOut)]]) {
    append(svg, "path", { class: `links ${name}`, d: pairs.map(([i, j]) => `M${places[i]}L${places[j]}`).join("") });
  }
  return linked;
}

// A link that is pointed at says its nodes and its probability; a click, or a tap, chooses it.
function pointAtLinks(svg, links, places, { say, choose, isRing }) {
  const mark = append(svg, "path", { class: "line thin decoder" });
  const name = label(svg, "", "decoder", { "text-anchor": "middle", "aria-hidden": "true" });
  const linkAt = event => {
    const { x, y } = pointIn(svg, event);
    const distances = links.map(([i, j]) => distanceTo([x, y], [places[i], places[j]]));
    const distance = Math.min(...distances);
    return distance <= (NEAR[event.pointerType] ?? NEAR.touch) ? links[distances.indexOf(distance)] : null;
  };
  svg.addEventListener("pointermove", event => {
    const link = event.buttons === 0 && event.pointerType === "mouse" ? linkAt(event) : null;
    name.textContent = link ? say(link) : "";
    change(mark, { d: link ? `M${places[link[0]]}L${places[link[1]]}` : "" });
    const { x, y } = pointIn(svg, event);
    change(name, { x: inside(x, MAP.left + MAP.side, MAP.left + 56), y: y < MAP.top + 40 ? y + 30 : y - 14 });
  });
  svg.addEventListener("pointerleave", () => {
    name.textContent = "";
    change(mark, { d: "" });
  });
  let came = { clientX: 0, clientY: 0 }; // where the pointer came down: who drags a ring chooses no link
  svg.addEventListener("pointerdown", event => (came = event));
  svg.addEventListener("click", event => {
    const { x, y } = pointIn(svg, event);
    const moved = Math.hypot(event.clientX - came.clientX, event.clientY - came.clientY);
    const link = moved > STILL || isRing([x, y]) ? null : linkAt(event);
    if (link) choose(link);
  });
}

// For pairs that are linked and for those that are not, the share that is below each probability.
function shares(svg, { logits }) {
  const all = Object.values(logits).map(values => values.map(probabilityOf));
  const most = Math.max(...all.map(values => values[values.length - 1] ?? 0));
  const step = [0.02, 0.05, 0.1, 0.25].find(step => most / step <= 5) ?? 0.25;
  const end = step * Math.ceil(most / step);
  const [x, y] = [scale([0, end], [48, 306]), scale([0, 100], [272, 30])];
  axisBelow(svg, 272)(x, steps(0, end, step).map(tick => Number(tick.toFixed(2))));
  axisLeft(svg, 48)(y, steps(0, 100, 25));
  label(svg, "pairs below, %", "ink", { x: 4, y: 14 });
  label(svg, "probability of a link", "ink", { x: 306, y: 308, "text-anchor": "end" });
  all.forEach((probabilities, i) => {
    const name = ["decoder", "data dashed"][i];
    append(svg, "path", { class: `line ${name}`, d: "M" + cumulative(probabilities, end, x, y).join("L") });
  });
  const stem = append(svg, "path", { class: "stem ink" });
  const dot = append(svg, "circle", { class: "pair-dot", r: 4 });
  [["linked", "decoder", ""], ["not linked", "data", "dashed"]].forEach(([name, colour, style], i) => {
    append(svg, "path", { class: `line ${colour} ${style}`, d: `M${136 + 80 * i},10h18` }); // above the curves
    label(svg, name, colour, { x: 159 + 80 * i, y: 14 });
  });
  return (_, { probability, rank }) => {
    change(stem, { d: `M${x(probability)},272V30` });
    change(dot, { cx: x(probability), cy: y(100 * rank) });
  };
}

// Points of the curve that is, at each probability, the percentage of the sorted ones that are not above it.
function cumulative(probabilities, end, x, y) {
  let below = 0;
  return steps(0, POINTS, 1).map(i => {
    const at = (end * i) / POINTS;
    while (below < probabilities.length && probabilities[below] <= at) below++;
    return `${x(at).toFixed(1)},${y((100 * below) / Math.max(1, probabilities.length)).toFixed(1)}`;
  });
}

function build(parent, model, prepared) {
  const first = panel(parent, { width: 380, height: 316, label: "Nodes at their codes in the latent plane, and links" });
  const second = panel(parent, {
    width: 320, height: 316, label: "The share of pairs below each probability, for linked pairs and for others",
  });
  const paints = [plane(first, model, prepared), shares(second, prepared)];
  return (state, values) => {
    for (const paint of paints) paint(state, values);
  };
}

const cells = [
  { key: "probability", name: "p(link), means of q", spoken: "probability of a link at the means of q" },
  { key: "expected", name: "p(link), averaged over q", spoken: "averaged over q" },
  { key: "rank", name: "above pairs without a link", spoken: "above", unit: "%" },
  { key: "status", name: "this pair", spoken: "this pair is" },
];

export function render(context) {
  const prepared = prepare(context.model);
  return show(context, {
    reads: ["first", "second", "_pairs"],
    numbers: state => numbers(state, prepared),
    build: (parent, model) => build(parent, model, prepared),
    print,
    cells,
    columns: 4,
  });
}

export default { render };
