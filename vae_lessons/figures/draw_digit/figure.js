// A drawing, the posterior that the encoder makes of it, and what the decoder makes of that.

import { append } from "../runtime/dom.js";
import { fromBytes, imageCanvas, paintImage, toBytes } from "../runtime/images.js";
import { set } from "../runtime/model.js";
import { loadNetwork, logLikelihood, meanImage } from "../runtime/networks.js";
import { average, fixed, klToStandardNormal } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";
import { drawingPad } from "./drawing_pad.js";
import { posteriorPlane } from "./posterior_plane.js";

export function prepare(model) {
  const { encoder, decoder } = model.get("_networks");
  return {
    encode: loadNetwork(model, encoder),
    decode: loadNetwork(model, decoder),
    decoder,
    images: model.get("_images").map(fromBytes),
  };
}

const imageOf = ({ drawing, chosen }, { images }) => (drawing ? fromBytes(drawing) : images[chosen]);

// mu and logvar of q(z | x), all of its dimensions.
function posterior(image, { encode }) {
  const outputs = encode(image);
  return { mu: outputs.slice(0, outputs.length / 2), logvar: outputs.slice(outputs.length / 2) };
}

const sample = ({ mu, logvar }, eps) => mu.map((mean, i) => mean + Math.exp(logvar[i] / 2) * eps[i]);

export function numbers(state, prepared) {
  const image = imageOf(state, prepared);
  const q = posterior(image, prepared);
  const each = state._noise.map(eps => logLikelihood(prepared.decoder, image, prepared.decode(sample(q, eps))));
  const kl = q.mu.reduce((sum, mean, i) => sum + klToStandardNormal(mean, q.logvar[i]), 0);
  const reconstruction = average(each);
  return { reconstruction, kl, elbo: reconstruction - kl, reconstruction_of_z: each[state.draws % each.length] };
}

// The network's input, its posterior, the z that is shown, and what the decoder makes of μ and of z.
export function look(state, prepared) {
  const image = imageOf(state, prepared);
  const { mu, logvar } = posterior(image, prepared);
  const z = sample({ mu, logvar }, state._noise[state.draws % state._noise.length]);
  const [from_mu, from_z] = [mu, z].map(code => meanImage(prepared.decoder, prepared.decode(code)));
  return { image, mu, logvar, z, from_mu, from_z };
}

// What is printed adds up as printed: reconstruction and KL are rounded, and the ELBO follows.
function print(values) {
  const keys = ["reconstruction", "kl", "reconstruction_of_z"];
  const rounded = Object.fromEntries(keys.map(key => [key, Math.round(100 * values[key])]));
  rounded.elbo = rounded.reconstruction - rounded.kl;
  return Object.fromEntries(Object.entries(rounded).map(([key, value]) => [key, fixed(value / 100, 2)]));
}

// The network's input, and what comes back.
function pictures(parent, shape) {
  const row = append(parent, "div", { class: "drawn-pictures" });
  const names = ["input x", "decoded μ", "decoded z"];
  const canvases = names.map(name => {
    const picture = append(row, "div");
    append(picture, "span", { "aria-hidden": "true" }, name);
    return imageCanvas(picture, shape, name);
  });
  return images => images.forEach((image, i) => paintImage(canvases[i], image, shape));
}

function build(parent, model, prepared) {
  const recipe = model.get("_recipe");
  const { dimensions } = model.get("_plane");
  const showDrawing = drawingPad(parent, recipe, text => set(model, "drawing", text));
  const showPictures = pictures(parent, recipe.shape);
  const paintPlane = posteriorPlane(parent, model);
  return state => {
    const { image, mu, logvar, z, from_mu, from_z } = look(state, prepared);
    const inPlane = values => dimensions.map(i => values[i]);
    showDrawing(state.drawing, image);
    showPictures([image, from_mu, from_z]);
    paintPlane({ mean: inPlane(mu), sd: inPlane(logvar.map(value => Math.exp(value / 2))), z: inPlane(z) });
  };
}

const cells = [
  { key: "reconstruction", name: "reconstruction", spoken: "reconstruction" },
  { key: "kl", name: "− KL", spoken: "minus KL" },
  { key: "elbo", name: "= ELBO", spoken: "ELBO" },
  { key: "reconstruction_of_z", name: "reconstruction from this z", spoken: "reconstruction from this z" },
];

export function render(context) {
  const { model } = context;
  const prepared = prepare(model);
  const blank = toBytes(new Float32Array(prepared.images[0].length));
  const written = { chosen: "", restored: "", cleared: blank };
  const putAway = Object.entries(written).map(([name, text]) => [`change:${name}`, () => set(model, "drawing", text)]);
  for (const [event, listener] of putAway) model.on(event, listener);
  const stop = show(context, {
    reads: ["chosen", "drawing", "draws", "_noise"],
    numbers: state => numbers(state, prepared),
    build: parent => build(parent, model, prepared),
    print,
    cells,
    columns: 4,
    unit: "nats",
  });
  return () => {
    stop();
    for (const [event, listener] of putAway) model.off(event, listener);
  };
}

export default { render };
