// Dots for test codes, and among them the numerals of their classes. Follows common.js in one module.

const APART = 16; // from one numeral to the next
const EDGE = 9; // from the side of a map to the middle of a numeral
const N_COLOURS = 10;

// What lies within a length, and no nearer to its ends than a margin.
const inside = (at, length, margin) => Math.min(length - margin, Math.max(margin, at));

// Which of the points is the nearest, and how far away it is.
function nearest(points, to) {
  const distances = points.map(point => Math.hypot(...to.map((value, i) => point[i] - value)));
  const distance = Math.min(...distances);
  return { index: distances.indexOf(distance), distance };
}

function distinct(labels) {
  return [...new Set(labels)].sort((a, b) => a - b);
}

// The one of some points that is nearest to their median, and so amid them even where they form an arc. Points too
// near to one that is taken are left out; where all are, it is the one farthest from those taken.
function amid(points, taken) {
  const median = axis => points.map(point => point[axis]).sort((a, b) => a - b)[points.length >> 1];
  const room = points.map(point => nearest(taken, point).distance); // Infinity where none is taken
  const needed = Math.min(APART, Math.max(...room));
  const free = points.filter((_, i) => room[i] >= needed);
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
      change(numerals[i], { x: inside(x, width, EDGE), y });
    });
  };
}
