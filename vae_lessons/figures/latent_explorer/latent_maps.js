// Positions and codes, and maps of where test codes lie.
//
// In a frame the position p is the code origin + Σ p_i scale_i direction_i; see latent_maps.py.

import { EDGE, amid, distinct, dots, inside, nearest } from "../runtime/code_dots.js";
import { append, change, panel } from "../runtime/dom.js";
import { scale } from "../runtime/axes.js";
import { pointIn } from "../runtime/handles.js";
import { imageCanvas } from "../runtime/images.js";
import { plain } from "../runtime/numbers.js";

const SIDE = 200; // of a map, in units of its own
const RING = 6.25; // radius of the mark at the position, its stroke included: it stays on the map
const LANE = 17; // height of the dots of one class, where there is one dimension
const NEAR = { mouse: 8, touch: 18 }; // how far from a dot one may point, in units of the map
const FAR = 44; // CSS pixels from the point, beyond which a finger may scroll the page
const SIDEWAYS = 8; // CSS pixels by which it must go sideways not to

export function codeAt({ origin, directions, scales }, position) {
  return origin.map((start, k) => position.reduce((sum, p, i) => sum + p * scales[i] * directions[i][k], start));
}

export function positionOf({ origin, directions, scales }, code) {
  const along = direction => direction.reduce((sum, d, k) => sum + d * (code[k] - origin[k]), 0);
  return directions.map((direction, i) => along(direction) / scales[i]);
}

// Scales of a map, where on it a test code is, which position is at a place, and where among points the numeral of a
// class goes. With one dimension each class has a lane of its own.
export function layout(latentDim, labels, reach) {
  const x = scale([-reach, reach], [0, SIDE]);
  if (latentDim > 1) {
    const y = scale([-reach, reach], [SIDE, 0]);
    const placeAt = ([left, top]) => [x.toValue(left), y.toValue(top)];
    return { x, y, height: SIDE, at: ([first, second]) => [x(first), y(second)], placeAt, numeralAt: amid };
  }
  const classes = distinct(labels);
  const at = ([first], label) => [x(first), LANE * (classes.indexOf(label) + 0.5)];
  const [placeAt, numeralAt] = [([left]) => [x.toValue(left)], ([[, top]]) => [EDGE, top]];
  return { x, y: null, height: LANE * classes.length, at, placeAt, numeralAt };
}

function crossHair(svg, { x, y, height }) {
  const lines = append(svg, "path", { class: "hair" });
  const ring = append(svg, "circle", { class: "knob ink", r: 5 });
  return ([first, second]) => {
    const [left, top] = [x(first), y ? y(second) : height / 2];
    change(lines, { d: `M${left},0V${height}` + (y ? `M0,${top}H${SIDE}` : "") });
    change(ring, { cx: inside(left, SIDE, RING), cy: inside(top, height, RING) });
  };
}

// A test image and its class, until something else is pressed. It is above or below the dot and the place that was
// pointed at, whichever fits, and as far to the left as keeps it on the map.
function tip(parent, { labels, shape, paintTest }) {
  const box = append(parent, "div", { class: "live-figure-tip", "aria-hidden": "true", hidden: "" });
  const picture = imageCanvas(box, shape, "");
  const name = append(box, "span");
  const hide = () => (box.hidden = true);
  const show = (index, [x, y], [, pointedAt], height) => {
    paintTest(picture, index);
    name.textContent = labels[index];
    const [left, isAbove] = [(100 * x) / SIDE, y > height / 2];
    box.style.left = `${left}%`;
    box.style.top = `${(100 * (isAbove ? Math.min : Math.max)(y, pointedAt)) / height}%`;
    box.style.transform = `translate(${-left}%, ${isAbove ? "calc(-100% - 0.5rem)" : "0.5rem"})`;
    box.hidden = false;
    document.addEventListener("pointerdown", hide, { capture: true, once: true });
  };
  return { show, hide };
}

// All of a map can be dragged on, by mouse or finger. To point at a place is to hover there, or to tap.
//
// Maps may fill the screen of a phone. So a finger that comes down far from the point waits: up or down it scrolls the
// page, sideways it drags, and if it does neither it was a tap.
function pad(svg, height, { onDrag, onPoint, onLeave, isFar }) {
  const field = append(svg, "rect", { class: "handle pad", width: SIDE, height, "aria-hidden": "true" });
  let held = null; // the event with which a pointer came down
  let waits = false;
  const placeOf = event => {
    const { x, y } = pointIn(svg, event);
    return [x, y];
  };
  const drag = event => onDrag(placeOf(event));
  const point = event => onPoint(placeOf(event), NEAR[event.pointerType] ?? NEAR.touch);
  field.addEventListener("pointerdown", event => {
    if (held || event.button !== 0) return;
    held = event;
    waits = event.pointerType !== "mouse" && isFar(placeOf(event));
    field.setPointerCapture(event.pointerId);
    if (!waits) drag(event);
  });
  field.addEventListener("touchstart", event => waits || event.preventDefault(), { passive: false }); // as keepFinger
  field.addEventListener("pointermove", event => {
    if (!held) return point(event);
    const [across, along] = [event.clientX - held.clientX, event.clientY - held.clientY].map(Math.abs);
    waits &&= across < along + SIDEWAYS;
    if (!waits) drag(event);
  });
  field.addEventListener("pointerup", event => {
    if (held && waits) drag(event);
    point(event);
  });
  field.addEventListener("lostpointercapture", () => (held = null));
  field.addEventListener("pointerleave", event => event.pointerType === "mouse" && onLeave());
}

// The ends of an axis, and its name between them.
function axisNames(parent, direction, [from, to]) {
  const axis = append(parent, "div", { class: `live-figure-axis ${direction}`, "aria-hidden": "true" });
  const [, name] = [from, "", to].map(text => append(axis, "span", {}, plain(text)));
  return text => (name.textContent = text);
}

// The map of one model. Returns paint(points, position, axes, isShown): where on the map the test codes are and
// whether these are shown, the position of the cross-hair, and the names of the axes.
export function latentMap(parent, label, prepared, onDrag) {
  const { plan, labels, nColours } = prepared;
  const box = append(parent, "div", { class: "live-figure-map" });
  const nameVertical = plan.y ? axisNames(box, "vertical", plan.y.domain) : () => {};
  const field = append(box, "div", { class: "live-figure-field" });
  const nameHorizontal = axisNames(box, "horizontal", plan.x.domain);
  const svg = panel(field, { width: SIDE, height: plan.height, label });
  const codes = append(svg, "g");
  const drawDots = dots(codes, { labels, nColours, width: SIDE, numeralAt: plan.numeralAt });
  const placeHair = crossHair(svg, plan);
  const image = tip(field, prepared);
  let within = []; // the dots that can be pointed at
  const onPoint = (place, reach) => {
    const { index, distance } = nearest(within, place);
    if (distance <= reach) image.show(index, within[index], place, plan.height);
    else image.hide();
  };
  let at; // the position
  const isFar = place => {
    const away = Math.hypot(...plan.placeAt(place).map((value, i) => value - at[i]));
    return (plan.x(away) - plan.x(0)) * (svg.getScreenCTM()?.a ?? 1) > FAR;
  };
  pad(svg, plan.height, { onDrag: place => onDrag(plan.placeAt(place)), onPoint, onLeave: image.hide, isFar });
  return (points, position, axes, isShown) => {
    if (within !== points || !isShown) image.hide();
    within = isShown ? points : [];
    codes.style.display = isShown ? "" : "none";
    drawDots(points);
    placeHair((at = position));
    nameHorizontal(axes[0]);
    nameVertical(axes[1]);
  };
}
