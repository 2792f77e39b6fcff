// Models trained at several β: rate against distortion, and what the model at one β makes of images and of the prior.

import { axisBelow, axisLeft, scale, steps } from "../runtime/axes.js";
import { dots, nearest } from "../runtime/code_dots.js";
import { append, change, clip, label, panel } from "../runtime/dom.js";
import { handle } from "../runtime/handles.js";
import { fromBytes, loadSheet } from "../runtime/images.js";
import { set } from "../runtime/model.js";
import { fixed } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const TICK_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const SIDE = 258; // of the map of codes
const LETTER = 20; // nearer to each other than this, two points share a name
const CORNERS = [{ right: 1, up: -1 }, { right: 1, up: 1 }, { right: -1, up: 1 }, { right: -1, up: -1 }];
const COLLAPSED = 30; // from the first code to the last
const PICTURES = ["test images", "reconstructions", "draws from the prior"];

const pointOf = ({ _points, beta }) => _points.find(point => point.beta === beta);

export function numbers(state) {
  const { beta, rate, distortion, active_units } = pointOf(state);
  return { beta, rate, distortion, negative_elbo: rate + distortion, active_units };
}

// What is printed adds up: the distortion takes what rounding leaves.
function print({ rate, negative_elbo, active_units }) {
  const [first, sum] = [rate, negative_elbo].map(value => Math.round(100 * value));
  const texts = { rate: first, distortion: sum - first, negative_elbo: sum };
  const nats = Object.entries(texts).map(([key, hundredths]) => [key, fixed(hundredths / 100, 2)]);
  return { ...Object.fromEntries(nats), active_units: `${active_units}` };
}

// Ends with some space around all values, and ticks between.
function axisFor(values, fromZero) {
  const [lowest, highest] = [fromZero ? 0 : Math.min(...values), Math.max(...values)];
  const space = (fromZero ? 0.2 : 0.08) * (highest - lowest) + 0.1;
  const [low, high] = [fromZero ? 0 : lowest - space, highest + space];
  const step = TICK_STEPS.find(step => (high - low) / step < 6) ?? high - low;
  const ticks = steps(Math.ceil(low / step), Math.floor(high / step), 1);
  return { domain: [low, high], ticks: ticks.map(tick => Number((tick * step).toFixed(2))) };
}

// The plane, with a point for each β and, through the one that is chosen, the line of one ELBO.
function plane(svg, model) {
  const points = model.get("_points");
  const across = axisFor(points.map(({ rate }) => rate), true);
  const along = axisFor(points.map(({ distortion }) => distortion), false);
  const [x, y] = [scale(across.domain, [50, 372]), scale(along.domain, [272, 34])];
  axisBelow(svg, y.range[0])(x, across.ticks);
  axisLeft(svg, x.range[0])(y, along.ticks);
  label(svg, "distortion D, nats", "ink", { x: 4, y: 16 });
  label(svg, "rate R, nats", "ink", { x: x.range[1], y: y.range[0] + 36, "text-anchor": "end" });
  const places = points.map(({ rate, distortion }) => [x(rate), y(distortion)]);
  const plot = clip(svg, x, y);
  const line = append(plot, "path", { class: "stem ink" });
  append(svg, "path", { class: "line thin encoder", d: "M" + places.join("L") });
  append(svg, "path", { class: "sweep encoder", d: places.map(at => `M${at}h0`).join("") });
  const placeNames = betaNames(svg, points, places);
  append(svg, "path", { class: "stem ink", d: `M${x.range[1] - 116},34h20` }); // where no curve is
  const lineName = label(svg, "", "ink", { x: x.range[1], y: 38, "text-anchor": "end" });
  const drag = (left, top) => set(model, "beta", points[nearest(places, [left, top]).index].beta);
  const place = handle(svg, "encoder", drag);
  return (state, { negative_elbo }) => {
    const at = rate => `${x(rate)},${y(negative_elbo - rate)}`;
    change(line, { d: `M${at(0)}L${at(x.domain[1])}` });
    const chosen = points.indexOf(pointOf(state));
    const [left, top] = places[chosen];
    place(left, top);
    placeNames(chosen);
    lineName.textContent = `R + D = ${fixed(negative_elbo, 2)}`;
  };
}

// The β of the chosen point, and of those that are not too near to a point with a name.
function betaNames(svg, points, places) {
  const names = places.map(([left, top]) => label(svg, "", "encoder", { x: left + 9, y: top - 7 }));
  return chosen => {
    const named = [places[chosen]];
    names.forEach((name, i) => {
      const isFree = i === chosen || nearest(named, places[i]).distance > LETTER;
      if (isFree && i !== chosen) named.push(places[i]);
      name.style.display = isFree ? "" : "none";
      name.textContent = i === chosen ? `β = ${points[i].beta}` : `${points[i].beta}`;
    });
  };
}

// Circles at one and two standard deviations of the prior, with names towards the corner that has the fewest codes.
function circles(field, x, y) {
  const names = [1, 2].map(radius => {
    append(field, "circle", { class: "line thin prior", cx: x(0), cy: y(0), r: x(radius) - x(0) });
    return label(field, `${radius}σ`, "prior");
  });
  return places => {
    const isThere = ([left, top], { right, up }) => right * (left - x(0)) > 0 && up * (y(0) - top) > 0;
    const counts = CORNERS.map(corner => places.filter(place => isThere(place, corner)).length);
    const { right, up } = CORNERS[counts.indexOf(Math.min(...counts))];
    names.forEach((name, i) => {
      const away = (i + 1) * Math.SQRT1_2;
      const [left, top] = [x(right * away) + 4 * right, y(up * away) + (up < 0 ? 11 : -3)];
      change(name, { x: left, y: top, "text-anchor": right < 0 ? "end" : "start" });
    });
  };
}

// Codes of test images, over circles at one and two standard deviations of the prior.
function codeMap(svg, model) {
  const { reach, n_colours } = model.get("_constants");
  const { labels } = model.get("_test");
  const [left, top] = [52, 14];
  const size = { width: SIDE, height: SIDE, viewBox: `0 0 ${SIDE} ${SIDE}` };
  const field = append(svg, "svg", { x: left, y: top, ...size, class: "clip" });
  const [x, y] = [scale([-reach, reach], [0, SIDE]), scale([-reach, reach], [SIDE, 0])];
  const read = text => {
    const shares = fromBytes(text);
    return labels.map((_, i) => [shares[2 * i], shares[2 * i + 1]].map((share, k) => (k ? 1 - share : share) * SIDE));
  };
  const codes = model.get("_points").map(({ means, draws }) => ({ means: read(means), draws: read(draws) }));
  const placeCircles = circles(field, x, y);
  const paint = dots(field, { labels, nColours: n_colours, width: SIDE });
  axisBelow(svg, top + SIDE)(scale(x.domain, [left, left + SIDE]), [-reach, 0, reach]);
  axisLeft(svg, left)(scale(y.domain, [top + SIDE, top]), [-reach, 0, reach]);
  label(svg, "z₁", "ink", { x: left + 0.75 * SIDE, y: top + SIDE + 17, "text-anchor": "middle" });
  label(svg, "z₂", "ink", { x: left - 7, y: top + 0.25 * SIDE, "text-anchor": "end" });
  return state => {
    const shown = codes[state._points.indexOf(pointOf(state))][state.drawn_codes ? "draws" : "means"];
    placeCircles(shown);
    paint(shown);
    const extents = [0, 1].map(k => shown.map(place => place[k])).map(all => Math.max(...all) - Math.min(...all));
    field.classList.toggle("collapsed", Math.max(...extents) < COLLAPSED); // numerals would lie on one another
  };
}

// A row of pictures with a name. Returns what paints them from the sheet, from an index on.
function pictures(parent, name, count, { shape: [height, width] }, paint) {
  const block = append(parent, "div", { class: "sweep-block", role: "img", "aria-label": `${count} ${name}` });
  append(block, "div", {}, name);
  const row = append(block, "div", { class: "sweep-row" });
  const canvases = Array.from({ length: count }, () => append(row, "canvas", { class: "pixels", width, height }));
  return first => canvases.forEach((canvas, i) => paint(canvas, first + i));
}

function build(parent, model) {
  const left = panel(parent, { width: 380, height: 316, label: "Distortion against rate, a point for each β" });
  const right = panel(parent, { width: 320, height: 316, label: "Codes of test images, and the prior" });
  const paints = [plane(left, model), codeMap(right, model)];
  const { n_pictures } = model.get("_constants");
  const { pictures: sheet } = model.get("_test");
  const below = append(parent, "div", { class: "sweep-pictures" });
  const paintPicture = loadSheet(sheet);
  const rows = PICTURES.map(name => pictures(below, name, n_pictures, sheet, paintPicture));
  rows[0](0);
  return (state, values) => {
    for (const paint of paints) paint(state, values);
    const before = 2 * state._points.indexOf(pointOf(state)); // rows of pictures on the sheet, after the test images
    rows[1]((1 + before) * n_pictures);
    rows[2]((2 + before) * n_pictures);
  };
}

const cells = [
  { key: "rate", name: "rate R", spoken: "rate" },
  { key: "distortion", name: "+ distortion D", spoken: "distortion" },
  { key: "negative_elbo", name: "= −ELBO", spoken: "minus ELBO" },
  { key: "active_units", name: "active units", spoken: "active units", unit: "of 2" },
];

export function render(context) {
  const reads = ["beta", "drawn_codes", "_points"];
  return show(context, { reads, numbers, build, print, cells, columns: 4, unit: "nats" });
}

export default { render };
