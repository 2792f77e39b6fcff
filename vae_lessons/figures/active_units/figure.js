// Units of the best linear VAE: active where the data vary more than βσ².

import { axisBelow, axisLeft, bar, scale, steps } from "../runtime/axes.js";
import { append, change, label, panel } from "../runtime/dom.js";
import { handle } from "../runtime/handles.js";
import { fromBytes, imageCanvas, paintImage } from "../runtime/images.js";
import { move } from "../runtime/model.js";
import { fixed } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const add = (values, of) => values.reduce((sum, value) => sum + of(value), 0);

export function numbers({ log_sigma, beta, _eigenvalues, _others }) {
  const threshold = beta * Math.exp(2 * log_sigma);
  return {
    sigma: Math.exp(log_sigma),
    threshold,
    active: _eigenvalues.filter(value => value > threshold).length,
    rate: add(_eigenvalues, value => Math.max(0, Math.log(value / threshold) / 2)),
    error: add(_eigenvalues, value => Math.min(value, threshold)) + _others,
  };
}

function print({ sigma, threshold, active, rate, error }) {
  return {
    sigma: fixed(sigma, 3),
    threshold: fixed(threshold, 3),
    active: String(active),
    rate: fixed(rate, 2),
    error: fixed(error, 2),
  };
}

// An eigenvalue for each unit on a logarithmic axis: what lies below the line, and what rises above it.
function bars(svg, model) {
  const eigenvalues = model.get("_eigenvalues");
  const n = eigenvalues.length;
  const [low, high] = [Math.floor(Math.log10(eigenvalues[n - 1])), Math.ceil(Math.log10(eigenvalues[0]))];
  const exponent = scale([low, high], [238, 24]);
  const exponentOf = value => Math.min(high, Math.max(low, Math.log10(value))); // within the drawing
  const y = Object.assign(value => exponent(exponentOf(value)), exponent);
  const x = scale([0.5, n + 0.5], [46, 340]);
  axisLeft(svg, x.range[0])(y, steps(low, high, 1).map(power => Number((10 ** power).toPrecision(1))));
  axisBelow(svg, 238)(x, [1, 5, 10, 15, 20].filter(unit => unit <= n));
  label(svg, "variance λ", "data", { x: 0, y: 12 });
  label(svg, "unit", "ink", { x: 376, y: 255, "text-anchor": "end" });
  const width = 0.7 * (x(1) - x(0));
  const drawn = eigenvalues.map((value, i) => {
    const place = { x: x(i + 1) - width / 2, width };
    const [below, above] = ["below data", "above encoder"];
    return {
      value,
      below: append(svg, "rect", { class: `bar ${below}`, ...place }),
      above: append(svg, "rect", { class: `bar ${above}`, ...place }),
    };
  });
  const line = append(svg, "path", { class: "line decoder" });
  const name = label(svg, "βσ²", "decoder", { x: x.range[1] + 12, "text-anchor": "end" });
  const placeHandle = handle(svg, "decoder", (_, at) => {
    move(model, "log_sigma", (exponent.toValue(at) * Math.LN10 - Math.log(model.get("beta"))) / 2);
  });
  return ({ threshold }) => {
    for (const { value, below, above } of drawn) {
      const cut = exponentOf(Math.min(value, threshold));
      bar(below, exponent, low, cut);
      bar(above, exponent, cut, exponentOf(value));
    }
    change(line, { d: `M${x.range[0]},${y(threshold)}H${x.range[1] + 12}` });
    change(name, { y: y(threshold) - 8 });
    placeHandle(x.range[1] + 12, y(threshold));
  };
}

// Test images, each with its reconstruction below it: mean + Σ (1 - βσ²/λ) uᵀ(x - mean) u over active units.
function images(parent, model) {
  const { shape, largest, ...bytes } = model.get("_images");
  const size = shape[0] * shape[1];
  const rows = values => {
    return Array.from({ length: values.length / size }, (_, i) => values.subarray(i * size, (i + 1) * size));
  };
  const mean = fromBytes(bytes.mean);
  const directions = rows(fromBytes(bytes.directions).map(value => largest * (2 * value - 1)));
  const eigenvalues = model.get("_eigenvalues");
  const box = append(parent, "div", { class: "unit-images" });
  const pairs = rows(fromBytes(bytes.pixels)).map((image, i) => {
    const pair = append(box, "div", {});
    paintImage(imageCanvas(pair, shape, `test image ${i + 1}`), image, shape);
    const codes = directions.map(direction => direction.reduce((sum, u, d) => sum + u * (image[d] - mean[d]), 0));
    return { codes, canvas: imageCanvas(pair, shape, `reconstruction of test image ${i + 1}`) };
  });
  append(box, "p", {}, "test images, and below each its reconstruction");
  return ({ threshold }) => {
    const gains = eigenvalues.map(value => Math.max(0, 1 - threshold / value));
    for (const { codes, canvas } of pairs) {
      const pixels = Float32Array.from(mean);
      directions.forEach((direction, j) => direction.forEach((u, d) => (pixels[d] += gains[j] * codes[j] * u)));
      paintImage(canvas, pixels, shape);
    }
  };
}

function build(parent, model) {
  const left = panel(parent, {
    width: 380, height: 262, label: "A bar for each unit: the variance of the data along its direction, and a line at βσ²",
  });
  const paintBars = bars(left, model);
  const paintImages = images(parent, model);
  return (_, values) => {
    paintBars(values);
    paintImages(values);
  };
}

const cells = [
  { key: "sigma", name: "σ", spoken: "sigma" },
  { key: "threshold", name: "βσ²", spoken: "beta sigma squared" },
  { key: "active", name: "active units", spoken: "active units" },
  { key: "rate", name: "rate", spoken: "rate", unit: "nats" },
  { key: "error", name: "squared error", spoken: "squared error" },
];

export function render(context) {
  const reads = ["log_sigma", "beta", "_eigenvalues", "_others"];
  return show(context, { reads, numbers, build, print, cells, columns: 5 });
}

export default { render };
