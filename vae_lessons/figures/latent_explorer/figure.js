// Decoders side by side at one position in their latent spaces.

import { nearest } from "../runtime/code_dots.js";
import { append } from "../runtime/dom.js";
import { imageCanvas, loadSheet, paintImage } from "../runtime/images.js";
import { controlOf, snap } from "../runtime/model.js";
import { loadNetwork, meanImage, unpackRows } from "../runtime/networks.js";
import { fixed, logNormal } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";
import { codeAt, latentMap, layout, positionOf } from "./latent_maps.js";

// The frame in use, the names of its sliders, and where these stand.
function placeOf(state, latentDim) {
  const [frame, prefix] = state.principal_directions ? ["directions", "direction"] : ["coordinates", "z"];
  const names = Array.from({ length: latentDim }, (_, i) => `${prefix}${i + 1}`);
  return { frame, names, position: names.map(name => state[name]) };
}

// What stays while the reader moves: networks, test images, and where their codes are in each frame and on its map.
export function prepare(model) {
  const { labels, images } = model.get("_test");
  const latentDim = model.get("_models")[0].decoder.layers[0][0];
  const { reach, n_colours } = model.get("_constants");
  const plan = layout(latentDim, labels, reach);
  const explored = model.get("_models").map(({ codes, ...described }) => {
    const [positions, points] = [{}, {}];
    for (const [name, frame] of Object.entries(described.frames)) {
      positions[name] = unpackRows(codes, latentDim).map(code => positionOf(frame, code));
      points[name] = positions[name].map((position, i) => plan.at(position, labels[i]));
    }
    return { ...described, positions, points, run: loadNetwork(model, described.decoder) };
  });
  return { latentDim, plan, explored, labels, nColours: n_colours, shape: images.shape, paintTest: loadSheet(images) };
}

export function numbers(state, { latentDim, explored, labels }) {
  const { frame, position } = placeOf(state, latentDim);
  const values = {};
  for (const { name, has_prior, frames, positions } of explored) {
    const { index, distance } = nearest(positions[frame], position);
    values[`${name}: nearest class`] = labels[index];
    values[`${name}: distance`] = distance;
    if (!has_prior) continue;
    values[`${name}: log p(z)`] = codeAt(frames[frame], position).reduce((sum, z) => sum + logNormal(z, 0, 1), 0);
  }
  return values;
}

function print(values, { explored }) {
  const texts = {};
  for (const { name, has_prior } of explored) {
    texts[`${name}: nearest`] = `${values[`${name}: nearest class`]}, ${fixed(values[`${name}: distance`], 3)} away`;
    texts[`${name}: log p(z)`] = has_prior ? fixed(values[`${name}: log p(z)`], 3) : "no prior";
  }
  return texts;
}

// A column for each model; a model that is alone has a row.
function cellsOf({ explored }) {
  const of = (what, name) => (explored.length === 1 ? what : `${what}, ${name}`);
  const said = (what, name) => (explored.length === 1 ? what : `${name}: ${what}`);
  const codes = explored.map(({ name }) => {
    return { key: `${name}: nearest`, name: of("nearest code", name), spoken: said("nearest class", name) };
  });
  const priors = explored.map(({ name, has_prior }) => {
    const unit = has_prior ? "nats" : "";
    return { key: `${name}: log p(z)`, name: of("log p(z)", name), spoken: said("log prior", name), unit };
  });
  return [...codes, ...priors];
}

// An image with its name below. Returns the canvas.
function picture(parent, shape, name, label) {
  const box = append(parent, "div");
  const canvas = imageCanvas(box, shape, label);
  append(box, "span", { "aria-hidden": "true" }, name);
  return canvas;
}

// One model: its map, the image that it decodes, and the test image whose code is the nearest.
function column(parent, prepared, { name, decoder, run, frames, positions, points }, onDrag) {
  const { shape, paintTest } = prepared;
  const box = append(parent, "div", { class: "live-figure-model", role: "group", "aria-label": name });
  append(box, "p", { class: "live-figure-name", "aria-hidden": "true" }, name);
  const paintMap = latentMap(box, `Map of the test codes of ${name}`, prepared, onDrag);
  const images = append(box, "div", { class: "live-figure-images" });
  const decoded = picture(images, shape, "decoded", `Image decoded by ${name}`);
  const neighbour = picture(images, shape, "nearest test image", `Test image with the code nearest to that of ${name}`);
  return ({ frame, position }, axes, codesAreShown) => {
    paintMap(points[frame], position, axes, codesAreShown);
    paintImage(decoded, meanImage(decoder, run(codeAt(frames[frame], position))), shape);
    paintTest(neighbour, nearest(positions[frame], position).index);
  };
}

function build(parent, model, prepared) {
  const one = prepared.explored.length === 1 ? "one" : "";
  const models = append(parent, "div", { class: `live-figure-models ${one}` });
  let names = []; // of the sliders in use
  const onDrag = place => {
    place.forEach((value, i) => model.set(names[i], snap(model, names[i], value)));
    model.save_changes();
  };
  const columns = prepared.explored.map(each => column(models, prepared, each, onDrag));
  return state => {
    const place = placeOf(state, prepared.latentDim);
    names = place.names;
    const axes = names.slice(0, 2).map(name => controlOf(model, name).label);
    for (const paint of columns) paint(place, axes, state.test_codes);
  };
}

export function render(context) {
  const prepared = prepare(context.model);
  return show(context, {
    reads: context.model.get("_controls").map(({ name }) => name),
    numbers: state => numbers(state, prepared),
    build: (parent, model) => build(parent, model, prepared),
    print: values => print(values, prepared),
    cells: cellsOf(prepared),
    columns: Math.max(2, prepared.explored.length),
  });
}

export default { render };
