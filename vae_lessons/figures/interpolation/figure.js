// Walks between two test images, through pixels and through the codes of models.

import { axisBelow, axisLeft, curve, scale, steps } from "../runtime/axes.js";
import { append, change, label, panel } from "../runtime/dom.js";
import { fromBytes, imageCanvas, paintImage } from "../runtime/images.js";
import { move } from "../runtime/model.js";
import { loadNetwork, meanImage } from "../runtime/networks.js";
import { fixed } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const GAP = 1; // around a picture in a strip, in its pixels
const PLOT = { width: 672, margin: 128, height: 190 }; // in CSS pixels; widths are those of a wide page
const TICKS = [0.5, 1, 2, 5, 10, 20, 50, 100]; // steps on the axis of distances
const LINE = 15; // between two names
const MARGIN = 10; // around the curves, of what can be pointed at

const mix = (a, b, t) => (1 - t) * a + t * b;

// Distances at evenly spaced t from 0 to 1. The way back between two images is the way there, reversed.
function distancesOf({ distances }, { first, second }) {
  return second <= first ? distances[first][second] : [...distances[second][first]].reverse();
}

function between(values, t) {
  const place = t * (values.length - 1);
  const i = Math.min(Math.floor(place), values.length - 2);
  return mix(values[i], values[i + 1], place - i);
}

export function numbers(state) {
  const ofWalks = state._walks.map(walk => [walk.name, between(distancesOf(walk, state), state.t)]);
  return Object.fromEntries([...ofWalks, ["limit", state._limit]]);
}

function print(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, fixed(value, 2)]));
}

// The images to choose from, as one array of pixels each.
function unpackImages({ pixels, classes, shape }) {
  const all = fromBytes(pixels);
  const size = shape[0] * shape[1];
  return classes.map((_, i) => all.subarray(i * size, (i + 1) * size));
}

// Returns the picture that a walk passes at t.
function loadWalk(model, { codes, decoder }, images) {
  const decode = decoder === null ? null : loadNetwork(model, decoder);
  const ends = codes ?? images; // an image is its own code, and its own picture
  return ({ first, second, t }) => {
    const code = Float32Array.from(ends[first], (a, j) => mix(a, ends[second][j], t));
    return decode === null ? code : meanImage(decoder, decode(code));
  };
}

// Thumbnails to choose one end from, for those who point.
function choices(parent, model, name, images, { shape, classes }) {
  const style = `--count: ${images.length}`;
  const row = append(parent, "div", { class: "walk-choices", style, "aria-hidden": "true" });
  append(row, "span", {}, name);
  const thumbnails = images.map((image, i) => {
    const canvas = imageCanvas(row, shape, `${classes[i]}`);
    paintImage(canvas, image, shape);
    canvas.addEventListener("click", () => move(model, name, i));
    return canvas;
  });
  return chosen => thumbnails.forEach((canvas, i) => canvas.classList.toggle("chosen", i === chosen));
}

// Pictures in a row as one, with a gap around each. Returns its pixels and its shape.
function sideBySide(pictures, [height, width]) {
  const [tall, wide] = [height + 2 * GAP, pictures.length * (width + 2 * GAP)];
  const pixels = new Float32Array(tall * wide);
  pictures.forEach((picture, i) => {
    for (let y = 0; y < height; y++) {
      const line = picture.subarray(y * width, (y + 1) * width);
      pixels.set(line, (y + GAP) * wide + i * (width + 2 * GAP) + GAP);
    }
  });
  return [pixels, [tall, wide]];
}

// A walk's name, its strip with a frame around the present t, and the picture there.
function strip(parent, { name, colour }, pictureAt, shape, nPictures) {
  const area = append(parent, "div", { class: "walk-area" });
  append(area, "span", { class: `walk-name ${colour}` }, name);
  const box = append(area, "div", { class: "walk-strip" });
  const pictures = imageCanvas(box, [0, 0], `${name}: ${nPictures} pictures on the way`);
  const frame = append(box, "div", { class: "walk-frame", style: `width: ${100 / nPictures}%` });
  const large = imageCanvas(parent, shape, `${name}: the picture at t`);
  let drawn = null;
  return state => {
    const ends = `${state.first} ${state.second}`;
    if (drawn !== ends) {
      const all = steps(0, 1, 1 / (nPictures - 1)).map(t => pictureAt({ ...state, t }));
      const [pixels, [height, width]] = sideBySide(all, shape);
      change(pictures, { width, height });
      paintImage(pictures, pixels, [height, width]);
    }
    drawn = ends;
    frame.style.left = `${(100 * state.t * (nPictures - 1)) / nPictures}%`;
    paintImage(large, pictureAt(state), shape);
  };
}

// Scales and axes for distances, with each place below its picture in the strips.
function axes(svg, { width, margin, height, nPictures }, highest) {
  change(svg, { viewBox: `0 0 ${width + margin} ${height}` });
  const x = scale([0, 1], [0.5, nPictures - 0.5].map(picture => (picture * width) / nPictures));
  const y = scale([0, highest], [height - 24, 30]);
  const step = TICKS.find(step => highest < 5 * step) ?? highest;
  axisLeft(svg, x.range[0])(y, steps(0, Math.floor(highest / step) * step, step));
  axisBelow(svg, y.range[0])(x, [0, 0.5, 1]);
  label(svg, "distance to the nearest training image", "ink", { x: 0, y: 13 });
  label(svg, "t", "ink", { x: x(1) + 12, y: y(0) + 17 });
  return [x, y];
}

// Distances along all walks, with their names at the right, and the present t, which can be moved among them.
function curves(svg, size, walks, limit, onArea) {
  const [x, y] = axes(svg, size, Math.max(limit, ...walks.flatMap(({ distances }) => distances.flat(2))));
  append(svg, "path", { class: "line limit ink", d: `M${x(0)},${y(limit)}H${x(1)}` });
  const now = append(svg, "path", { class: "line thin encoder" });
  const lines = walks.map(({ colour }) => append(svg, "path", { class: `line walked ${colour}` }));
  walks.forEach(({ dashes }, i) => change(lines[i], { "stroke-dasharray": dashes.join(" ") || "none" }));
  const dots = walks.map(({ colour }) => append(svg, "circle", { class: `walk-dot ${colour}`, r: 4 }));
  const knob = append(svg, "circle", { class: "knob encoder", r: 6.5, cy: y.range[1] });
  const names = [...walks, { name: "limit", colour: "ink" }].map(({ name, colour }) => label(svg, name, colour));
  const [left, top] = [x(0) - MARGIN, y.range[1] - MARGIN];
  const [width, height] = [x(1) + MARGIN - left, y(0) + MARGIN - top];
  onArea(append(svg, "rect", { class: "grip", x: left, y: top, width, height }));
  return (state, values) => {
    const all = walks.map(walk => distancesOf(walk, state));
    all.forEach((distances, i) => {
      change(lines[i], { d: curve(t => between(distances, t), 0, 1, x, y, distances.length - 1) });
      change(dots[i], { cx: x(state.t), cy: y(values[walks[i].name]) });
    });
    change(now, { d: `M${x(state.t)},${y.range[0]}V${y.range[1]}` });
    change(knob, { cx: x(state.t) });
    const ends = [...all.map(distances => distances.at(-1)), limit];
    apart(ends.map(y)).forEach((at, i) => change(names[i], { x: x(1) + 12, y: at + 4 }));
  };
}

// Heights of names, moved apart where two would lie on one another.
function apart(heights) {
  const placed = [...heights];
  const downwards = heights.map((_, i) => i).sort((i, j) => heights[i] - heights[j]);
  for (let round = 0; round < 20; round++) {
    downwards.slice(1).forEach((lower, k) => {
      const lacking = Math.max(0, LINE - (placed[lower] - placed[downwards[k]]));
      placed[lower] += lacking / 2;
      placed[downwards[k]] -= lacking / 2;
    });
  }
  return placed;
}

// Draw `svg` for the width that `above` has on the page, and anew when that has changed. Returns paint(...).
function fitting(svg, above, draw) {
  let paint, last;
  const fit = () => {
    const [width, all] = [above.clientWidth, svg.clientWidth];
    svg.replaceChildren();
    paint = draw(all > 0 ? { ...PLOT, width, margin: all - width } : PLOT); // it has no width before it is on the page
    if (last) paint(...last);
  };
  fit();
  new ResizeObserver(fit).observe(svg);
  return (...values) => paint(...(last = values));
}

// Let t follow a pointer along `element`, whose places are those of the strip. Up and down still scrolls the page.
function slides(element, strip, model) {
  const nPictures = model.get("_constants").n_pictures;
  const follow = ({ clientX }) => {
    const { left, width } = strip.getBoundingClientRect();
    move(model, "t", (((clientX - left) / width) * nPictures - 0.5) / (nPictures - 1));
  };
  let start;
  let isSideways = false;
  element.classList.add("walk-slides");
  element.addEventListener("pointerdown", event => {
    if (event.button !== 0) return;
    [start, isSideways] = [event, false];
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", event => {
    if (!element.hasPointerCapture(event.pointerId)) return;
    isSideways ||= Math.abs(event.clientX - start.clientX) > Math.abs(event.clientY - start.clientY);
    if (isSideways) follow(event);
  });
  element.addEventListener("click", follow);
}

function build(parent, model) {
  const [images, walks, limit] = ["_images", "_walks", "_limit"].map(name => model.get(name));
  const nPictures = model.get("_constants").n_pictures;
  const all = unpackImages(images);
  const ends = append(parent, "div", { class: "walk-ends" });
  const [paintFirst, paintSecond] = ["first", "second"].map(name => choices(ends, model, name, all, images));
  const rows = append(parent, "div", { class: "walks" });
  const paintStrips = walks.map(walk => {
    return strip(append(rows, "div", { class: "walk" }), walk, loadWalk(model, walk, all), images.shape, nPictures);
  });
  const firstStrip = rows.querySelector(".walk-strip");
  const svg = panel(rows, { ...PLOT, label: "Curves of the pictures' distances to the nearest training image" });
  const slidesAlong = element => slides(element, firstStrip, model);
  const paintCurves = fitting(svg, firstStrip, size => curves(svg, { ...size, nPictures }, walks, limit, slidesAlong));
  rows.querySelectorAll(".walk-area").forEach(slidesAlong);
  return (state, values) => {
    paintFirst(state.first);
    paintSecond(state.second);
    for (const paintStrip of paintStrips) paintStrip(state);
    paintCurves(state, values);
  };
}

export function render(context) {
  const walks = context.model.get("_walks").map(({ name }) => ({ key: name, name, spoken: `distance of ${name}` }));
  const cells = [...walks, { key: "limit", name: "limit", spoken: "limit" }];
  const reads = ["first", "second", "t", "_walks", "_limit"];
  return show(context, { reads, numbers, build, print, cells, columns: cells.length > 4 ? 3 : cells.length });
}

export default { render };
