// What the live-figures share: SVG, scales, axes, handles, and the numbers below the drawing.
//
// There is no import and no bundler. The module that travels is the text of this file followed by that of one
// figure, in one scope; on a page without a kernel, page.js follows.

const GRIP = 26; // radius of what a finger can take hold of: 44 pixels or more on a phone
const ANNOUNCE_AFTER = 800; // ms

// Elements. A child is of its parent's kind, HTML or SVG.

function append(parent, tag, attributes = {}, text = null) {
  const node = document.createElementNS(parent.namespaceURI, tag);
  if (text !== null) node.textContent = text;
  change(node, attributes);
  parent.append(node);
  return node;
}

function change(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

function panel(parent, { width, height, label }) {
  parent.insertAdjacentHTML("beforeend", "<svg></svg>"); // the parser knows the name of the SVG namespace
  const svg = parent.lastElementChild;
  change(svg, { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  svg.style.flex = `${width} 1 ${0.87 * width}px`; // side by side, or one above the other where that is too narrow
  return svg;
}

// A window on the same coordinates, which cuts off what lies outside.
function clip(svg, x, y) {
  const [left, top] = [Math.min(...x.range), Math.min(...y.range)];
  const [width, height] = [x, y].map(({ range }) => Math.abs(range[1] - range[0]));
  const viewBox = `${left} ${top} ${width} ${height}`;
  return append(svg, "svg", { x: left, y: top, width, height, viewBox, class: "clip" });
}

function label(svg, text, colour, attributes = {}) {
  return append(svg, "text", { class: `name ${colour}`, ...attributes }, text);
}

// Scales, axes and curves.

function scale(domain, range) {
  const perUnit = (range[1] - range[0]) / (domain[1] - domain[0]);
  const toPixel = value => range[0] + (value - domain[0]) * perUnit;
  const toValue = pixel => domain[0] + (pixel - range[0]) / perUnit;
  return Object.assign(toPixel, { domain, range, toValue });
}

function steps(low, high, step) {
  return Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
}

// An axis is drawn for a scale and its ticks, and again only when these change.
function axis(svg, line, mark, place) {
  const group = append(svg, "g");
  let drawn = null;
  return (along, ticks) => {
    if (drawn === ticks.join()) return;
    drawn = ticks.join();
    group.replaceChildren();
    const marks = ticks.map(value => mark(along(value))).join("");
    append(group, "path", { class: "axis", d: line(along.range) + marks });
    for (const value of ticks) append(group, "text", { class: "tick", ...place(along(value)) }, plain(value));
  };
}

function axisBelow(svg, y) {
  const place = at => ({ x: at, y: y + 17, "text-anchor": "middle" });
  return axis(svg, ([from, to]) => `M${from},${y}H${to}`, at => `M${at},${y}v4`, place);
}

function axisLeft(svg, x) {
  const place = at => ({ x: x - 7, y: at + 4, "text-anchor": "end" });
  return axis(svg, ([from, to]) => `M${x},${from}V${to}`, at => `M${x},${at}h-4`, place);
}

function curve(f, from, to, x, y, pieces = 160) {
  const point = i => {
    const at = from + ((to - from) * i) / pieces;
    return `${x(at).toFixed(2)},${y(f(at)).toFixed(2)}`;
  };
  return "M" + Array.from({ length: pieces + 1 }, (_, i) => point(i)).join("L");
}

function bar(rectangle, y, from, to) {
  change(rectangle, { y: Math.min(y(from), y(to)), height: Math.abs(y(to) - y(from)) });
}

// Numbers.

function logNormal(z, mu, sd) {
  return -0.5 * (Math.log(2 * Math.PI) + ((z - mu) / sd) ** 2) - Math.log(sd);
}

function normal(z, mu, sd) {
  return Math.exp(logNormal(z, mu, sd));
}

function fixed(value, digits) {
  return value.toFixed(digits).replace(/^-(?=[0.]*$)/, ""); // no -0.00
}

function plain(text) {
  return String(text).replace("-", "\u2212");
}

// Where a pointer is, in the coordinates of a drawing.
function pointIn(svg, { clientX, clientY }) {
  return new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM().inverse());
}

// A finger on `node` does not scroll the page: inside of an SVG, Chromium does not heed touch-action.
function keepFinger(node) {
  node.addEventListener("touchstart", event => event.preventDefault(), { passive: false });
}

// Handles, for those who point. Sliders do the same, so nothing here can be reached by key.

function handle(svg, colour, onDrag, onDrop = () => {}) {
  const group = append(svg, "g", { class: `handle ${colour}`, "aria-hidden": "true" });
  append(group, "circle", { class: "grip", r: GRIP });
  append(group, "circle", { class: "knob", r: 6.5 });
  let at = { x: 0, y: 0 };
  let held = null; // from the pointer to the handle, so that a hold off its middle does not move it
  keepFinger(group);
  group.addEventListener("pointerdown", event => {
    if (held !== null || event.button !== 0) return;
    const { x, y } = pointIn(svg, event);
    held = { x: at.x - x, y: at.y - y };
    group.setPointerCapture(event.pointerId);
  });
  group.addEventListener("pointermove", event => {
    if (!group.hasPointerCapture(event.pointerId)) return;
    const { x, y } = pointIn(svg, event);
    onDrag(x + held.x, y + held.y);
  });
  group.addEventListener("lostpointercapture", () => {
    held = null;
    onDrop();
  });
  const place = (x, y) => {
    at = { x, y };
    change(group, { transform: `translate(${x} ${y})` });
  };
  return Object.assign(place, { isHeld: () => held !== null });
}

function controlOf(model, name) {
  return model.get("_controls").find(control => control.name === name);
}

// The position of a slider that is nearest to a value.
function snap(model, name, value) {
  const { low, high, step } = controlOf(model, name);
  const nearest = low + Math.round((value - low) / step) * step;
  return Number(Math.min(high, Math.max(low, nearest)).toFixed(6));
}

function move(model, name, value) {
  model.set(name, snap(model, name, value));
  model.save_changes();
}

// Two handles on the density of N(μ, σ²): the peak moves μ, the flank moves σ. The flank's stays on the side of the
// pointer that holds it, and let go, in the picture. Returns place(state, y), which says where on the axis they are.
function gaussianHandles(svg, model, x) {
  let q, y;
  let side = 1;
  const drag = at => {
    const away = x.toValue(at) - q.mean;
    side = away < 0 ? -1 : 1;
    move(model, "logvar", 2 * Math.log(Math.abs(away)));
  };
  const place = () => {
    const { mean, sd } = q;
    if (!flank.isHeld() && Math.abs(mean + side * sd) > x.domain[1]) side = mean < 0 ? 1 : -1;
    flank(x(mean + side * sd), y(normal(sd, 0, sd)));
    peak(x(mean), y(normal(0, 0, sd)));
    return [mean, mean + side * sd];
  };
  const flank = handle(svg, "encoder", drag, place);
  const peak = handle(svg, "encoder", at => move(model, "mu", x.toValue(at)));
  return ({ mu, logvar }, heights) => {
    [q, y] = [{ mean: mu, sd: Math.exp(logvar / 2) }, heights];
    return place();
  };
}

// A text of its own, or one that depends on the state.
const worded = (text, state) => (typeof text === "function" ? text(state) : text);

// The printed numbers: cells of { key, name, spoken }. Returns what fills them with texts by key.
function readout(parent, cells, columns, unit) {
  const list = append(append(parent, "div", { class: "live-figure-numbers" }), "dl", { style: `--columns: ${columns}` });
  const places = cells.map(({ key, unit: own = unit }) => {
    const cell = append(list, "div");
    const name = append(cell, "dt");
    const value = append(cell, "dd");
    const number = append(value, "span", { "data-number": key });
    append(value, "small", {}, ` ${own}`);
    return { name, number };
  });
  const announce = announcer(parent);
  return (texts, state) => {
    places.forEach(({ name, number }, i) => {
      name.textContent = worded(cells[i].name, state);
      number.textContent = plain(texts[cells[i].key]);
    });
    announce(cells.map(({ key, spoken, unit: own = unit }) => `${worded(spoken, state)} ${texts[key]} ${own}`.trim()));
  };
}

// What has changed of some phrases, for a screen reader, once they have come to rest; nothing while the page opens.
function announcer(parent) {
  const sentence = append(parent, "p", { class: "live-figure-spoken", "aria-live": "polite" });
  let known, timer;
  return phrases => {
    known ??= phrases;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const news = phrases.filter((phrase, i) => phrase !== known[i]);
      if (news.length > 0) sentence.textContent = news.join("; ");
      known = phrases;
    }, ANNOUNCE_AFTER);
  };
}

// Put a figure into `el`, and paint it again whenever one of the traits that it reads has changed.
//
// build(panels, model) draws once and returns paint(state, numbers)
function show({ model, el }, { reads, numbers, build, print, cells, columns, unit = "" }) {
  el.classList.add("live-figure-view");
  const paint = build(append(el, "div", { class: "live-figure-panels" }), model);
  const printNumbers = readout(el, cells, columns, unit);
  const refresh = () => {
    const state = Object.fromEntries(reads.map(name => [name, model.get(name)]));
    const values = numbers(state);
    paint(state, values);
    printNumbers(print(values, state), state);
  };
  let frame = 0;
  const onChange = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      refresh();
    });
  };
  refresh();
  for (const name of reads) model.on(`change:${name}`, onChange);
  return () => reads.forEach(name => model.off(`change:${name}`, onChange));
}
