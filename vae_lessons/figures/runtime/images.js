// Images: ink on nothing, 0 paper and 1 ink.

import { append } from "./dom.js";

/**
 * @param {Element} parent
 * @param {number[]} shape
 * @param {string} label
 * @returns {HTMLCanvasElement}
 */
export function imageCanvas(parent, [height, width], label) {
  return append(parent, "canvas", { width, height, class: "pixels", role: "img", "aria-label": label });
}

/**
 * Pixels on a canvas of their size.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>} pixels
 * @param {number[]} shape
 */
export function paintImage(canvas, pixels, [height, width]) {
  const image = new ImageData(width, height);
  for (let i = 0; i < pixels.length; i++) image.data[4 * i + 3] = 255 * pixels[i];
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

/**
 * Images (any number, one after the other) that travel as one byte a pixel; see `to_bytes`.
 * @param {string} text
 */
export function fromBytes(text) {
  return Float32Array.from(atob(text), character => character.charCodeAt(0) / 255);
}

/** @param {Float32Array} image */
export function toBytes(image) {
  return btoa(String.fromCharCode(...image.map(ink => Math.round(255 * ink))));
}

/**
 * Images that travel as one; see `sprite_sheet`. Returns paint(canvas, index), which waits until they are there.
 * @param {{ image: string, columns: number, shape: number[] }} sheet
 */
export function loadSheet({ image: uri, columns, shape: [height, width] }) {
  const sheet = new Image();
  sheet.src = uri;
  const ready = sheet.decode();
  return async (/** @type {HTMLCanvasElement} */ canvas, /** @type {number} */ index) => {
    await ready;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const [left, top] = [(index % columns) * width, Math.floor(index / columns) * height];
    context.clearRect(0, 0, width, height);
    context.drawImage(sheet, left, top, width, height, 0, 0, width, height);
  };
}
