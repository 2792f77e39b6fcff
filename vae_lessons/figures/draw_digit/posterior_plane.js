// Where in the latent plane a posterior lies, among the codes of test images.

import { axisBelow, axisLeft, scale, steps } from "../runtime/axes.js";
import { dots } from "../runtime/code_dots.js";
import { append, change, clip, label, panel } from "../runtime/dom.js";
import { unpackRows } from "../runtime/networks.js";

// How far the plane reaches from its middle, and the step between ticks.
const REACHES = [[2, 1], [3, 1], [4, 2], [6, 2], [8, 4], [12, 4], [20, 10], [40, 20], [100, 50], [200, 100]];
const SHARE = 0.995; // of the codes that the plane must hold
const LENS = { size: 104, reach: 3.2, power: 2 }; // its side, what it shows in standard deviations, least enlargement

// N(mean, diag sd²) as ellipses of one and two standard deviations.
function ellipses(plot, colour) {
  const rings = [1, 2].map(radius => [radius, append(plot, "ellipse", { class: `line ${colour}` })]);
  return ({ mean: [u, v], sd: [across, up] }, x, y) => {
    for (const [radius, ring] of rings) {
      change(ring, { cx: x(u), cy: y(v), rx: x(radius * across) - x(0), ry: y(0) - y(radius * up) });
    }
  };
}

// q as ellipses, and a sample of it as a dot.
function posteriorMark(plot) {
  const placeEllipses = ellipses(plot, "encoder");
  const dot = append(plot, "circle", { class: "sample", r: 3 });
  return (q, x, y) => {
    placeEllipses(q, x, y);
    change(dot, { cx: x(q.z[0]), cy: y(q.z[1]) });
  };
}

// What stays where it is as long as the reach does: test codes, the prior, and axes.
function planeGround(svg, plot, model, { left, right, top, bottom }) {
  const { labels, names: [first, second] } = model.get("_plane");
  const nColours = model.get("_constants").n_colours;
  const drawCodes = dots(append(plot, "g"), { labels, nColours, width: right });
  const placePrior = ellipses(plot, "thin prior");
  const prior = label(plot, "p(z)", "prior");
  const [drawLeft, drawBelow] = [axisLeft(svg, left), axisBelow(svg, bottom)];
  label(svg, first, "ink", { x: right, y: bottom + 34, "text-anchor": "end" });
  label(svg, second, "ink", { x: left, y: top - 12, "text-anchor": "middle" });
  return (codes, x, y, ticks) => {
    drawCodes(codes.map(([u, v]) => [x(u), y(v)]));
    placePrior({ mean: [0, 0], sd: [1, 1] }, x, y);
    change(prior, { x: x(1.45), y: y(-1.45) + 10 }); // outside of two standard deviations
    drawLeft(y, ticks);
    drawBelow(x, ticks);
  };
}

// The latent plane, or two of its dimensions. Returns paint({ mean, sd, z }), all of two numbers.
export function posteriorPlane(parent, model) {
  const svg = panel(parent, {
    width: 330, height: 356, label: "The latent plane: q as ellipses, and a sample z, among codes of test images",
  });
  const edges = { left: 30, right: 322, top: 26, bottom: 318 };
  const [across, up] = [[edges.left, edges.right], [edges.bottom, edges.top]];
  const plot = clip(svg, scale([0, 1], across), scale([0, 1], up));
  const codes = unpackRows(model.get("_plane").positions, 2);
  const drawGround = planeGround(svg, plot, model, edges);
  const placeMark = posteriorMark(plot);
  const name = label(plot, "q(z | x)", "encoder", { "text-anchor": "middle" });
  const placeLens = lens(plot, codes);
  let drawn = null;
  return q => {
    const [reach, step] = reachOf(codes, q);
    const [x, y] = [scale([-reach, reach], across), scale([-reach, reach], up)];
    if (drawn !== reach) drawGround(codes, x, y, steps(-reach, reach, step));
    drawn = reach;
    placeMark(q, x, y);
    change(name, { x: x(q.mean[0]), y: y(q.mean[1] + 2 * q.sd[1]) - 6 });
    name.style.display = placeLens(q, x, y) ? "none" : ""; // the lens has one
  };
}

// The smallest that holds most codes, and q.
function reachOf(codes, { mean, sd }) {
  const extents = codes.map(([u, v]) => Math.max(Math.abs(u), Math.abs(v))).sort((a, b) => a - b);
  const most = extents[Math.ceil(SHARE * extents.length) - 1];
  const needed = Math.max(most, ...mean.map((value, i) => Math.abs(value) + 2 * sd[i]));
  return REACHES.find(([reach]) => needed <= reach) ?? REACHES[REACHES.length - 1];
}

// The neighbourhood of a narrow q, enlarged. Returns place(q, x, y), which says whether there is need of it.
function lens(plot, codes) {
  const { size } = LENS;
  const link = append(plot, "path", { class: "stem ink" });
  const glass = append(plot, "svg", { width: size, height: size, viewBox: `0 0 ${size} ${size}` });
  append(glass, "rect", { class: "lens", width: size, height: size });
  const placeMark = posteriorMark(glass);
  const title = label(glass, "", "encoder", { x: 6, y: 16 });
  const name = label(glass, "z", "ink", { "text-anchor": "middle" });
  return (q, x, y) => {
    const [u, v] = q.mean;
    const reach = LENS.reach * Math.max(...q.sd);
    const power = size / (x(2 * reach) - x(0));
    const isNeeded = power >= LENS.power;
    for (const part of [link, glass]) part.style.display = isNeeded ? "" : "none";
    const [within, upward] = [scale([u - reach, u + reach], [0, size]), scale([v - reach, v + reach], [size, 0])];
    placeMark(q, within, upward);
    title.textContent = `q(z | x), × ${Number(power.toPrecision(2))}`;
    change(name, { x: within(q.z[0]), y: upward(q.z[1]) + 17 });
    const [left, top] = freeCorner(codes, q.mean, x, y);
    change(glass, { x: left, y: top });
    change(link, { d: `M${x(u)},${y(v)}L${left + size / 2},${top + size / 2}` });
    return isNeeded;
  };
}

// Where in the plot a lens hides the fewest codes, and not q.
function freeCorner(codes, mean, x, y) {
  const [left, right] = [x.range[0] + 4, x.range[1] - LENS.size - 4];
  const [top, bottom] = [y.range[1] + 4, y.range[0] - LENS.size - 4];
  const corners = [[right, top], [left, top], [right, bottom], [left, bottom]];
  const isUnder = ([u, v], corner) => {
    const offsets = [x(u) - corner[0], y(v) - corner[1]].map(offset => Math.abs(offset - LENS.size / 2));
    return Math.max(...offsets) < 0.6 * LENS.size;
  };
  const hidden = corners.map(corner => {
    return isUnder(mean, corner) ? Infinity : codes.filter(code => isUnder(code, corner)).length;
  });
  return corners[hidden.indexOf(Math.min(...hidden))];
}
