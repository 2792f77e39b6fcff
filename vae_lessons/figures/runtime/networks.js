// The models' networks, run in the page, and their images. Follows common.js in one module.
//
// networks.py writes what is read here: `packed` is the description of one network.

const NEARLY_ZERO = 0.05; // logits below it: the series is exact, the closed form is 0 / 0 at zero

// Networks. On a page the weights are in an element of their own, once for all figures; with a kernel, in a trait.

function weightsOf(model, { weights: digest }) {
  const inTrait = (model.get("_weights") ?? {})[digest];
  const element = () => document.querySelector(`script.live-figure-weights[data-digest="${digest}"]`);
  return inTrait ?? element().textContent;
}

// Returns run(inputs): the outputs, in an array that the next run writes into.
function loadNetwork(model, packed) {
  const layers = unpack(bytesOf(weightsOf(model, packed)), packed.layers);
  return inputs => layers.reduce((values, layer, i) => forward(layer, values, i < layers.length - 1), inputs);
}

// A loop, here and below: a function for each byte of several networks would keep the page waiting.
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

function unpack(bytes, shapes) {
  let at = 0;
  const take = (Kind, count) => {
    const values = new Kind(bytes, at, count);
    at += values.byteLength;
    return values;
  };
  const layers = shapes.map(([nIn, nOut, bits]) => {
    const [scales, biases] = [take(Float32Array, nOut), take(Float32Array, nOut)];
    return { nIn, nOut, bits, scales, biases, outputs: new Float32Array(nOut) };
  });
  for (const [bits, Kind] of [[16, Int16Array], [8, Int8Array]]) {
    for (const layer of layers.filter(layer => layer.bits === bits)) {
      layer.weights = scaled(take(Kind, layer.nIn * layer.nOut), layer);
    }
  }
  return layers;
}

// Weights travel a row for each output, and are used a column for each input.
function scaled(numbers, { nIn, nOut, scales }) {
  const weights = new Float32Array(nIn * nOut);
  for (let i = 0, at = 0; i < nOut; i++) {
    for (let j = 0; j < nIn; j++, at++) weights[j * nOut + i] = numbers[at] * scales[i];
  }
  return weights;
}

// Column by column, without those that are multiplied by zero: hidden units that are off, and the paper around a digit.
function forward({ nOut, weights, biases, outputs }, inputs, isHidden) {
  outputs.set(biases);
  for (let j = 0; j < inputs.length; j++) {
    const input = inputs[j];
    if (input === 0) continue;
    for (let i = 0, at = j * nOut; i < nOut; i++, at++) outputs[i] += weights[at] * input;
  }
  if (isHidden) for (let i = 0; i < nOut; i++) outputs[i] = Math.max(0, outputs[i]);
  return outputs;
}

// Numbers of a table with rows of one length; see `pack_floats`.
function unpackRows(base64, length) {
  const values = new Float32Array(bytesOf(base64));
  return Array.from({ length: values.length / length }, (_, i) => values.subarray(i * length, (i + 1) * length));
}

// What a decoder's outputs mean; formulas as in likelihoods.py.

const sigmoid = logit => 1 / (1 + Math.exp(-logit));
const softplus = logit => Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit))); // log(1 + e^logit)

// The mean of the continuous Bernoulli, 1 / (1 - e^-l) - 1 / l.
function continuousMean(logit) {
  if (Math.abs(logit) >= NEARLY_ZERO) return -1 / Math.expm1(-logit) - 1 / logit;
  const square = logit ** 2;
  return 0.5 + logit * (1 / 12 + square * (-1 / 720 + square / 30240));
}

// log C(l) = log(l / tanh(l / 2)).
function logNormaliser(logit) {
  if (Math.abs(logit) >= NEARLY_ZERO) return Math.log(logit / Math.tanh(logit / 2));
  const square = logit ** 2;
  return Math.LN2 + square * (1 / 12 + square * (-7 / 1440 + square * (31 / 90720)));
}

// Pixels in [0, 1] of a decoder's outputs.
function meanImage({ output }, outputs) {
  return outputs.map(output === "sigmoid" ? sigmoid : continuousMean);
}

const LOG_DENSITIES = {
  gaussian: ({ sigma }) => (x, output) => logNormal(x, sigmoid(output), sigma),
  bernoulli: () => (x, logit) => x * logit - softplus(logit),
  "continuous bernoulli": () => (x, logit) => x * logit - softplus(logit) + logNormaliser(logit),
};

// log p(x | z) in nats of an image, given the outputs of a VAE's decoder at z.
function logLikelihood({ likelihood }, image, outputs) {
  const logDensity = LOG_DENSITIES[likelihood.kind](likelihood);
  return outputs.reduce((sum, output, i) => sum + logDensity(image[i], output), 0);
}

// Images: ink on nothing.

function imageCanvas(parent, [height, width], label) {
  return append(parent, "canvas", { width, height, class: "pixels", role: "img", "aria-label": label });
}

// Pixels, 0 paper and 1 ink, on a canvas of their size.
function paintImage(canvas, pixels, [height, width]) {
  const image = new ImageData(width, height);
  pixels.forEach((ink, i) => (image.data[4 * i + 3] = 255 * ink));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Images (any number, one after the other) as one byte a pixel; see `to_bytes`.
const fromBytes = text => Float32Array.from(atob(text), character => character.charCodeAt(0) / 255);
const toBytes = image => btoa(String.fromCharCode(...image.map(ink => Math.round(255 * ink))));

// Images that travel as one; see `sprite_sheet`. Returns paint(canvas, index), which waits until they are there.
function loadSheet({ image: uri, columns, shape: [height, width] }) {
  const sheet = new Image();
  sheet.src = uri;
  const ready = sheet.decode();
  return async (canvas, index) => {
    await ready;
    const context = canvas.getContext("2d");
    const [left, top] = [(index % columns) * width, Math.floor(index / columns) * height];
    context.clearRect(0, 0, width, height);
    context.drawImage(sheet, left, top, width, height, 0, 0, width, height);
  };
}
