// Points in the plane, from formulas and a stream of random numbers, and images that travel as bytes.

import { exp } from "../engine/arithmetic.js";
import { Stream } from "../engine/random.js";
import { fromBytes } from "../runtime/images.js";

/**
 * labels: from 0 to 9, for colours. shape: of an image, null for points.
 * @typedef {{ images: Float32Array, test: Float32Array, dim: number, labels: number[], testLabels: number[],
 *   shape: number[] | null }} Data
 */

const POINTS = 10; // the purpose of a stream
const N_TRAIN = 400;
const N_TEST = 200;
const SIZE = 1.5; // radius, or half a width

/**
 * The sine and cosine of 2π times a number in [0, 1).
 * @param {number} turns
 */
function sineAndCosine(turns) {
  const quarter = Math.round(4 * turns);
  const angle = (turns - quarter / 4) * 6.283185307179586; // at most π/4
  const t = angle * angle;
  let [sine, cosine, term] = [0, 0, 1];
  for (let n = 0; n < 20; n += 2) {
    cosine += term;
    sine += (term * angle) / (n + 1);
    term *= -t / ((n + 1) * (n + 2));
  }
  const turned = [[sine, cosine], [cosine, -sine], [-sine, -cosine], [-cosine, sine]];
  return turned[quarter & 3];
}

// Each draws a point without noise, and its label.
const SHAPES = {
  ring(stream) {
    const turns = stream.uniform();
    const [y, x] = sineAndCosine(turns);
    return [SIZE * x, SIZE * y, Math.floor(10 * turns)];
  },
  moons(stream) {
    const [which, half] = [Math.floor(2 * stream.uniform()), stream.uniform() / 2];
    const [sine, cosine] = sineAndCosine(half);
    const label = 5 * which + Math.floor(10 * half);
    return which ? [0.5 - cosine, 0.25 - sine, label] : [cosine - 0.5, sine - 0.25, label];
  },
  clusters(stream) {
    const which = Math.floor(5 * stream.uniform());
    const [y, x] = sineAndCosine(which / 5);
    return [SIZE * x, SIZE * y, 2 * which];
  },
  pinwheel(stream) {
    const [which, along] = [Math.floor(5 * stream.uniform()), stream.uniform()];
    const turns = which / 5 + 0.25 * exp(along - 1);
    const [y, x] = sineAndCosine(turns - Math.floor(turns));
    const radius = 0.3 + 1.5 * along;
    return [radius * x, radius * y, 2 * which];
  },
  curve(stream) {
    const along = 3 * stream.uniform() - 1.5; // times π
    const turns = along / 2;
    const [sine, cosine] = sineAndCosine(turns - Math.floor(turns));
    return [1.2 * sine, 0.75 * Math.sign(along) * (cosine - 1), Math.floor((10 * (along + 1.5)) / 3)];
  },
};

/**
 * @param {string} name of a shape
 * @param {number} noise standard deviation in both directions
 * @returns {Data}
 */
export function planeData(name, noise) {
  const stream = new Stream(1, POINTS, Object.keys(SHAPES).indexOf(name));
  const all = Array.from({ length: N_TRAIN + N_TEST }, () => {
    const [x, y, label] = SHAPES[name](stream);
    return [x + noise * stream.normal(), y + noise * stream.normal(), label];
  });
  return split(all, N_TRAIN);
}

/**
 * Points that somebody has drawn or brought: all are for training, and every third is for the numbers too.
 * @param {number[][]} points
 * @returns {Data}
 */
export function ownPoints(points) {
  const labelled = points.map(([x, y]) => {
    return [x, y, (Math.floor((Math.atan2(y, x) / (2 * Math.PI) + 1) * 10) % 10 + 10) % 10];
  });
  return split([...labelled, ...labelled.filter((_, i) => i % 3 === 0)], labelled.length);
}

function split(all, n) {
  const coordinates = rows => Float32Array.from(rows.flatMap(([x, y]) => [x, y]));
  const [train, test] = [all.slice(0, n), all.slice(n)];
  return {
    images: coordinates(train),
    test: coordinates(test),
    dim: 2,
    labels: train.map(([, , label]) => label),
    testLabels: test.map(([, , label]) => label),
    shape: null,
  };
}

/**
 * Images that travel as one byte a pixel, training images first.
 * @param {{ pixels: string, labels: number[], shape: number[], n_train: number }} packed
 * @returns {Data}
 */
export function imageData({ pixels, labels, shape, n_train: nTrain }) {
  const all = fromBytes(pixels);
  const dim = shape[0] * shape[1];
  return {
    images: all.slice(0, nTrain * dim),
    test: all.slice(nTrain * dim),
    dim,
    labels: labels.slice(0, nTrain),
    testLabels: labels.slice(nTrain),
    shape,
  };
}
