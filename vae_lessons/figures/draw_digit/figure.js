// A drawing, the posterior that the encoder makes of it, and what the decoder makes of that. Follows drawing_pad.js and
// posterior_plane.js in one module.

const average = values => values.reduce((sum, value) => sum + value, 0) / values.length;

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
  const fits = state._noise.map(eps => logLikelihood(prepared.decoder, image, prepared.decode(sample(q, eps))));
  const rate = q.mu.reduce((sum, mean, i) => sum + (mean ** 2 + Math.expm1(q.logvar[i]) - q.logvar[i]) / 2, 0);
  const fit = average(fits);
  return { fit, rate, elbo: fit - rate, fit_of_z: fits[state.draws % fits.length] };
}

// What the network is given, its posterior, the z that is shown, and what the decoder makes of μ and of z.
export function look(state, prepared) {
  const image = imageOf(state, prepared);
  const { mu, logvar } = posterior(image, prepared);
  const z = sample({ mu, logvar }, state._noise[state.draws % state._noise.length]);
  const [from_mu, from_z] = [mu, z].map(code => meanImage(prepared.decoder, prepared.decode(code)));
  return { image, mu, logvar, z, from_mu, from_z };
}

// What is printed adds up as printed: fit and rate are rounded, and the ELBO follows.
function print({ fit, rate, fit_of_z }) {
  const rounded = { fit, rate, fit_of_z };
  for (const key in rounded) rounded[key] = Math.round(100 * rounded[key]);
  rounded.elbo = rounded.fit - rounded.rate;
  return Object.fromEntries(Object.entries(rounded).map(([key, value]) => [key, fixed(value / 100, 2)]));
}

// What the network is given, and what comes back.
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
  const showDrawing = drawingPad(parent, recipe, text => write(model, text));
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

function write(model, drawing) {
  model.set("drawing", drawing);
  model.save_changes();
}

const cells = [
  { key: "fit", name: "fit", spoken: "fit" },
  { key: "rate", name: "− rate", spoken: "minus rate" },
  { key: "elbo", name: "= ELBO", spoken: "ELBO" },
  { key: "fit_of_z", name: "fit of this z", spoken: "fit of this z" },
];

function render(context) {
  const { model } = context;
  const prepared = prepare(model);
  const blank = toBytes(new Float32Array(prepared.images[0].length));
  const written = { chosen: "", restored: "", cleared: blank };
  const putAway = Object.entries(written).map(([name, text]) => [`change:${name}`, () => write(model, text)]);
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
