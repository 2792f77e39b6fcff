// A pad to draw on, and the image that is made of the drawing for a network.
//
// Ink is computed from the distance to the strokes and not read from a canvas, which some browsers do not allow.
// Lengths on the pad are in cells, of which its longer side has CELLS; `recipe` is that of drawing_pad.py.

import { append, change, panel } from "../runtime/dom.js";
import { keepFinger, pointIn } from "../runtime/handles.js";
import { paintImage, toBytes } from "../runtime/images.js";

const CELLS = 112;
const PEN = 10; // how wide a line is shown
const ZOOM = 4; // a drawing smaller than a quarter of the pad is treated as if it were that large; a dot stays a dot

// Ink (height, width) in [0, 1], fine-grained, as an image: its box is scaled down to that of the recipe, averaging
// over areas, and moved by whole pixels to where the recipe has it.
export function centred(ink, [height, width], recipe, largestScale = 1) {
  const [rows, columns] = recipe.shape;
  const image = new Float32Array(rows * columns);
  const box = boxOf(ink, [height, width], recipe.ink);
  if (box === null) return image;
  const scale = Math.min(recipe.box[0] / box.height, recipe.box[1] / box.width, largestScale);
  const small = shrink(ink, width, box, scale);
  const [top, left] = cornerOf(small, [box.height * scale, box.width * scale], recipe);
  for (let i = 0; i < small.height; i++) {
    for (let j = 0; j < small.width; j++) {
      const [row, column] = [top + i, left + j];
      const isInside = row >= 0 && row < rows && column >= 0 && column < columns;
      if (isInside) image[row * columns + column] = Math.min(1, small.ink[i * small.width + j]);
    }
  }
  return image;
}

// Around the cells with more ink than `least`.
function boxOf(ink, [height, width], least) {
  let [top, bottom, left, right] = [height, 0, width, 0];
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      if (ink[at] <= least) continue;
      top = Math.min(top, row);
      bottom = row + 1;
      left = Math.min(left, column);
      right = Math.max(right, column + 1);
    }
  }
  return bottom === 0 ? null : { top, left, height: bottom - top, width: right - left };
}

// Each cell's ink goes to the pixel that it lies in, or in shares to the two, four at a corner, on which it lies.
function shrink(ink, stride, { top, left, height, width }, scale) {
  const [down, across] = [height, width].map(length => pixelsUnder(length, scale));
  const size = { height: Math.ceil(height * scale) + 1, width: Math.ceil(width * scale) + 1 };
  const small = { ...size, ink: new Float32Array(size.height * size.width) };
  down.forEach(([row, upper], i) => {
    across.forEach(([column, nearer], j) => {
      const area = ink[(top + i) * stride + left + j] * scale ** 2;
      const at = row * small.width + column;
      small.ink[at] += area * upper * nearer;
      small.ink[at + 1] += area * upper * (1 - nearer);
      small.ink[at + small.width] += area * (1 - upper) * nearer;
      small.ink[at + small.width + 1] += area * (1 - upper) * (1 - nearer);
    });
  });
  return small;
}

// For each cell along a side: the first pixel on which it lies, and its share of the cell.
function pixelsUnder(length, scale) {
  return Array.from({ length }, (_, i) => {
    const pixel = Math.floor(i * scale + 1e-9);
    return [pixel, Math.min(1, (pixel + 1 - i * scale) / scale)];
  });
}

// Where the upper left corner of a box goes: as near as whole pixels allow to where the recipe has its centre.
function cornerOf({ ink, width }, size, { by, at }) {
  const centre = by === "box" ? size.map(length => length / 2) : massCentre(ink, width);
  return centre.map((middle, side) => Math.round(at[side] - middle));
}

function massCentre(ink, width) {
  let [mass, down, across] = [0, 0, 0];
  ink.forEach((value, i) => {
    mass += value;
    down += value * (Math.floor(i / width) + 0.5);
    across += value * ((i % width) + 0.5);
  });
  return [down / mass, across / mass];
}

// Lines on the pad, and their image. However large a drawing is, its lines are as wide in the image as the data's.
export function sketch(recipe) {
  const [rows, columns] = recipe.shape;
  const perPixel = CELLS / Math.max(rows, columns);
  const size = [rows, columns].map(pixels => Math.round(pixels * perPixel));
  const largestScale = ZOOM / perPixel;
  const scaleTo = extents => {
    const fits = extents.map((extent, side) => Math.max(recipe.box[side] - recipe.stroke, 1) / extent);
    return Math.min(...fits, largestScale);
  };
  const reach = Math.ceil(recipe.stroke / scaleTo(size) / 2) + 1; // of the widest pen, from the middle of its line
  const field = distanceField(size, reach);
  return {
    size,
    clear: field.clear,
    addLine: field.addLine,
    image() {
      const scale = scaleTo(field.extents());
      return centred(field.ink(recipe.stroke / scale / 2), field.shape, recipe, largestScale);
    },
  };
}

// How far each cell is from the nearest line, up to `reach`, on the pad and as far around it.
function distanceField(size, reach) {
  const shape = size.map(length => length + 2 * reach);
  const [height, width] = shape;
  const squares = new Float32Array(height * width); // of distances
  let [low, high] = [[0, 0], [0, 0]]; // of all points, [x, y]
  const clear = () => {
    squares.fill(Infinity);
    [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
  };
  clear();
  return {
    shape,
    clear,
    extents: () => [high[1] - low[1], high[0] - low[0]], // down, across
    ink: radius => squares.map(square => Math.min(1, Math.max(0, radius - Math.sqrt(square) + 0.5))),
    addLine(from, to) {
      low = low.map((least, axis) => Math.min(least, from[axis], to[axis]));
      high = high.map((most, axis) => Math.max(most, from[axis], to[axis]));
      const [left, top] = [0, 1].map(axis => Math.floor(Math.min(from[axis], to[axis])));
      const [right, bottom] = [0, 1].map(axis => Math.ceil(Math.max(from[axis], to[axis])) + 2 * reach);
      for (let row = top; row < Math.min(height, bottom); row++) {
        for (let column = left; column < Math.min(width, right); column++) {
          const at = row * width + column;
          const square = squareToLine(column + 0.5 - reach, row + 0.5 - reach, from, to);
          if (square < squares[at]) squares[at] = square;
        }
      }
    },
  };
}

// The square of the distance from (x, y) to a line.
function squareToLine(x, y, [fromX, fromY], [toX, toY]) {
  const [along, down] = [toX - fromX, toY - fromY];
  const length = along ** 2 + down ** 2;
  const share = length === 0 ? 0 : ((x - fromX) * along + (y - fromY) * down) / length;
  const nearest = Math.min(1, Math.max(0, share));
  return (x - fromX - nearest * along) ** 2 + (y - fromY - nearest * down) ** 2;
}

// The pad itself. onDraw(text) is called with the image, as bytes, at each movement of the pen. Returns
// show(text, image), which puts an image in place of the strokes unless it is theirs.
export function drawingPad(parent, recipe, onDraw) {
  const drawing = sketch(recipe);
  const [height, width] = drawing.size;
  const place = append(parent, "div", { class: "drawn" });
  append(place, "span", { "aria-hidden": "true" }, "draw here");
  const paper = append(place, "div", { class: "drawing-pad" });
  const [rows, columns] = recipe.shape;
  const canvas = append(paper, "canvas", { width: columns, height: rows, class: "pixels", "aria-hidden": "true" });
  const svg = panel(paper, { width, height, label: "Pad to draw on with mouse, finger or pen" });
  const strokes = append(svg, "g", { class: "strokes", "stroke-width": PEN });
  const middle = { x: width / 2, y: height / 2 };
  const hint = append(svg, "text", { class: "hint", ...middle }, "draw something");
  let own = null; // the image of the strokes that are shown
  const draw = (from, to) => {
    drawing.addLine(from, to);
    own = toBytes(drawing.image());
    onDraw(own);
  };
  const show = (text, image) => {
    if (text === own) return;
    own = null;
    drawing.clear();
    strokes.replaceChildren();
    paintImage(canvas, image, recipe.shape);
    hint.style.display = image.some(ink => ink > 0) ? "none" : "";
  };
  followPen(append(svg, "rect", { class: "paper", width, height }), [width, height], {
    begin(point) {
      if (own === null) show("", new Float32Array(rows * columns));
      hint.style.display = "none";
      append(strokes, "path", { d: `M${point}h0` });
      draw(point, point);
    },
    extend(from, to) {
      const stroke = strokes.lastElementChild;
      change(stroke, { d: `${stroke.getAttribute("d")}L${to}` });
      draw(from, to);
    },
  });
  return show;
}

// One pointer at a time, which may leave the sheet: it then draws along its edge.
function followPen(sheet, [width, height], { begin, extend }) {
  let last = null;
  keepFinger(sheet);
  const pointOf = event => {
    const { x, y } = pointIn(sheet, event);
    return [[x, width], [y, height]].map(([at, most]) => Number(Math.min(most, Math.max(0, at)).toFixed(2)));
  };
  sheet.addEventListener("pointerdown", event => {
    if (last !== null || event.button !== 0) return;
    sheet.setPointerCapture(event.pointerId);
    last = pointOf(event);
    begin(last);
  });
  sheet.addEventListener("pointermove", event => {
    if (last === null || !sheet.hasPointerCapture(event.pointerId)) return;
    const next = pointOf(event);
    extend(last, next);
    last = next;
  });
  sheet.addEventListener("lostpointercapture", () => (last = null));
}
