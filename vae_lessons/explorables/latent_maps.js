// Positions and codes, and maps of where test codes lie. Follows common.js and networks.js in one module.
//
// In a frame the position p is the code origin + Σ p_i scale_i direction_i; see latent_maps.py.

const REACH = 3; // of a slider, to each side: LatentExplorer's
const SIDE = 200; // of a map, in units of its own
const LANE = 17; // height of the dots of one class, where there is one dimension
const APART = 16; // from one numeral to the next
const EDGE = 9; // from the side of a map to the middle of a numeral
const N_COLOURS = 10;
const NEAR = { mouse: 8, touch: 18 }; // how far from a dot one may point, in units of the map

function codeAt({ origin, directions, scales }, position) {
  return origin.map((start, k) => position.reduce((sum, p, i) => sum + p * scales[i] * directions[i][k], start));
}

function positionOf({ origin, directions, scales }, code) {
  const along = direction => direction.reduce((sum, d, k) => sum + d * (code[k] - origin[k]), 0);
  return directions.map((direction, i) => along(direction) / scales[i]);
}

// Which of the points is the nearest, and how far away it is.
function nearest(points, to) {
  const distances = points.map(point => Math.hypot(...to.map((value, i) => point[i] - value)));
  const distance = Math.min(...distances);
  return { index: distances.indexOf(distance), distance };
}

// Scales of a map, where on it a test code is, which position is at a place, and where among points the numeral of a
// class goes. With one dimension each class has a lane of its own.
function layout(latentDim, labels) {
  const x = scale([-REACH, REACH], [0, SIDE]);
  if (latentDim > 1) {
    const y = scale([-REACH, REACH], [SIDE, 0]);
    const placeAt = ([left, top]) => [x.toValue(left), y.toValue(top)];
    return { x, y, height: SIDE, at: ([first, second]) => [x(first), y(second)], placeAt, numeralAt: amid };
  }
  const classes = distinct(labels);
  const at = ([first], label) => [x(first), LANE * (classes.indexOf(label) + 0.5)];
  const [placeAt, numeralAt] = [([left]) => [x.toValue(left)], ([[, top]]) => [EDGE, top]];
  return { x, y: null, height: LANE * classes.length, at, placeAt, numeralAt };
}

function distinct(labels) {
  return [...new Set(labels)].sort((a, b) => a - b);
}

// The one of some points that is nearest to their median, and so amid them even where they form an arc. Points too
// near to one that is taken are left out, unless all are.
function amid(points, taken) {
  const median = axis => points.map(point => point[axis]).sort((a, b) => a - b)[points.length >> 1];
  const isFree = point => taken.length === 0 || nearest(taken, point).distance > APART;
  const free = points.some(isFree) ? points.filter(isFree) : points;
  return free[nearest(free, [median(0), median(1)]).index];
}

// A dot for each test code, and the numeral of each class amid its own, clear of other numerals. Returns draw(points).
function dots(svg, labels, width, numeralAt = amid) {
  const classes = distinct(labels).map(label => ({ label, style: `--ink: var(--class-${label % N_COLOURS})` }));
  const clouds = classes.map(({ style }) => append(svg, "path", { class: "codes", style }));
  const numerals = classes.map(({ label, style }) => append(svg, "text", { class: "numeral", style }, label));
  let drawn = null;
  return points => {
    if (drawn === points) return;
    drawn = points;
    const taken = [];
    classes.forEach(({ label }, i) => {
      const own = points.filter((_, k) => labels[k] === label);
      change(clouds[i], { d: own.map(([x, y]) => `M${x.toFixed(1)},${y.toFixed(1)}h0`).join("") });
      taken.push(numeralAt(own, taken));
      const [x, y] = taken.at(-1);
      change(numerals[i], { x: Math.min(width - EDGE, Math.max(EDGE, x)), y });
    });
  };
}

function crossHair(svg, { x, y, height }) {
  const lines = append(svg, "path", { class: "hair" });
  const ring = append(svg, "circle", { class: "knob ink", r: 5 });
  return ([first, second]) => {
    const [left, top] = [x(first), y ? y(second) : height / 2];
    change(lines, { d: `M${left},0V${height}` + (y ? `M0,${top}H${SIDE}` : "") });
    change(ring, { cx: left, cy: top });
  };
}

// A test image and its class, beside the dot that is pointed at.
function tip(parent, { labels, shape, paintTest }) {
  const box = append(parent, "div", { class: "explorable-tip", "aria-hidden": "true", hidden: "" });
  const picture = imageCanvas(box, shape, "");
  const name = append(box, "span");
  const show = (index, [x, y], height) => {
    paintTest(picture, index);
    name.textContent = labels[index];
    box.style.left = `${(100 * x) / SIDE}%`;
    box.style.top = `${(100 * y) / height}%`;
    box.classList.toggle("leftward", x > SIDE / 2);
    box.hidden = false;
  };
  return { show, hide: () => (box.hidden = true) };
}

// All of a map can be dragged on, by mouse or finger. To point at a place is to hover there, or to tap.
function pad(svg, height, { onDrag, onPoint, onLeave }) {
  const field = append(svg, "rect", { class: "handle pad", width: SIDE, height, "aria-hidden": "true" });
  let held = false;
  keepFinger(field);
  const placeOf = event => {
    const { x, y } = pointIn(svg, event);
    return [x, y];
  };
  const drag = event => onDrag(placeOf(event));
  const point = event => onPoint(placeOf(event), NEAR[event.pointerType] ?? NEAR.touch);
  field.addEventListener("pointerdown", event => {
    if (held || event.button !== 0) return;
    held = true;
    field.setPointerCapture(event.pointerId);
    onLeave();
    drag(event);
  });
  field.addEventListener("pointermove", event => (held ? drag(event) : point(event)));
  field.addEventListener("pointerup", point);
  field.addEventListener("lostpointercapture", () => (held = false));
  field.addEventListener("pointerleave", event => event.pointerType === "mouse" && onLeave());
}

// The ends of an axis, and its name between them.
function axisNames(parent, direction) {
  const axis = append(parent, "div", { class: `explorable-axis ${direction}`, "aria-hidden": "true" });
  const [, name] = [-REACH, "", REACH].map(text => append(axis, "span", {}, plain(text)));
  return text => (name.textContent = text);
}

// The map of one model. Returns paint(points, position, axes, isShown): where on the map the test codes are and
// whether these are shown, the position of the cross-hair, and the names of the axes.
function latentMap(parent, label, prepared, onDrag) {
  const { plan, labels } = prepared;
  const box = append(parent, "div", { class: "explorable-map" });
  const nameVertical = plan.y ? axisNames(box, "vertical") : () => {};
  const field = append(box, "div", { class: "explorable-field" });
  const nameHorizontal = axisNames(box, "horizontal");
  const svg = panel(field, { width: SIDE, height: plan.height, label });
  const codes = append(svg, "g");
  const drawDots = dots(codes, labels, SIDE, plan.numeralAt);
  const placeHair = crossHair(svg, plan);
  const image = tip(field, prepared);
  let within = []; // the dots that can be pointed at
  const onPoint = (place, reach) => {
    const { index, distance } = nearest(within, place);
    if (distance <= reach) image.show(index, within[index], plan.height);
    else image.hide();
  };
  pad(svg, plan.height, { onDrag: place => onDrag(plan.placeAt(place)), onPoint, onLeave: image.hide });
  return (points, position, axes, isShown) => {
    if (within !== points || !isShown) image.hide();
    within = isShown ? points : [];
    codes.style.display = isShown ? "" : "none";
    drawDots(points);
    placeHair(position);
    nameHorizontal(axes[0]);
    nameVertical(axes[1]);
  };
}
