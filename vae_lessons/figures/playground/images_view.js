// Data space for images: test images and their reconstructions, draws from the prior, and the decoded grid.

import { append } from "../runtime/dom.js";
import { imageCanvas, paintImage } from "../runtime/images.js";
import { steps } from "../runtime/axes.js";

const N_SHOWN = 8;
const N_IMAGES_DRAWN = 16;
const GRID = 9; // images to a side of the decoded grid
const GRID_REACH = 2; // standard deviations of the prior

/**
 * @param {Element} parent
 * @param {number[]} shape of an image
 * @param {number} latent K
 * @param {(image: number) => void} onImage what is done with the number of a test image that is pointed at
 */
export function imagesView(parent, shape, latent, onImage) {
  const box = append(parent, "div", { class: "playground-images" });
  const rows = latent === 1 ? 1 : GRID;
  const sheets = {
    originals: sheet(box, [1, N_SHOWN], shape, "test images"),
    reconstructions: sheet(box, [1, N_SHOWN], shape, "their reconstructions"),
    draws: sheet(box, [2, N_IMAGES_DRAWN / 2], shape, "draws from the prior"),
    grid: sheet(box, [rows, GRID], shape, "the decoded latent space, from −2 to 2"),
  };
  const { canvas } = sheets.originals;
  canvas.addEventListener("pointerdown", ({ offsetX }) => onImage(Math.floor((offsetX / canvas.clientWidth) * N_SHOWN)));
  const along = steps(-GRID_REACH, GRID_REACH, (2 * GRID_REACH) / (GRID - 1));
  const lattice = latent === 1 ? along : [...along].reverse().flatMap(up => along.flatMap(across => [across, up]));
  let codes = new Float32Array(N_SHOWN * latent);
  const size = shape[0] * shape[1];
  return {
    look: () => ({ decode: Float32Array.from([...codes, ...lattice]), draws: { n: N_IMAGES_DRAWN, noisy: false } }),
    showData: (/** @type {Float32Array} */ images) => sheets.originals.paint(images.subarray(0, N_SHOWN * size)),
    choose() {},
    paint({ decoded, draws, codes: all }) {
      sheets.reconstructions.paint(decoded.subarray(0, N_SHOWN * size));
      sheets.grid.paint(decoded.subarray(N_SHOWN * size));
      sheets.draws.paint(draws);
      // Means of the next picture: a frame late, which nobody sees.
      codes = Float32Array.from({ length: N_SHOWN * latent }, (_, i) => {
        return all[2 * latent * Math.floor(i / latent) + (i % latent)];
      });
    },
  };
}

// Images side by side on one canvas.
function sheet(parent, /** @type {number[]} */ [rows, columns], /** @type {number[]} */ [height, width], name) {
  const part = append(parent, "div");
  const canvas = imageCanvas(part, [rows * height, columns * width], name);
  append(part, "p", {}, name);
  return {
    canvas,
    paint(/** @type {Float32Array} */ images) {
      const pixels = new Float32Array(rows * columns * height * width);
      for (let i = 0; i < images.length; i++) {
        const [image, at] = [Math.floor(i / (height * width)), i % (height * width)];
        const row = Math.floor(image / columns) * height + Math.floor(at / width);
        pixels[row * columns * width + (image % columns) * width + (at % width)] = images[i];
      }
      paintImage(canvas, pixels, [rows * height, columns * width]);
    },
  };
}
