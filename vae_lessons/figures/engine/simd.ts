// What takes the time of training, in AssemblyScript with SIMD. `make simd` compiles it to simd.wasm. Arrays are
// float32, matrices row by row; an address is that of an array's first number. Additions come in one order, and nothing
// here is relaxed, so results are the same bits on every machine.

// out (rows, columns) = a (rows, inner) · b (inner, columns). A block of 4 rows and 8 columns stays in registers.
export function product(out: usize, a: usize, b: usize, rows: i32, columns: i32, inner: i32): void {
  let row = 0;
  for (; row + 4 <= rows; row += 4) {
    fourRows(out + 4 * row * columns, a + 4 * row * inner, b, columns, inner);
  }
  for (; row < rows; row++) oneRow(out + 4 * row * columns, a + 4 * row * inner, b, columns, inner);
}

function fourRows(out: usize, a: usize, b: usize, columns: i32, inner: i32): void {
  const next: usize = 4 * inner; // bytes from a row of `a` to the next
  const down: usize = 4 * columns; // the same of `b` and `out`
  let column = 0;
  for (; column + 8 <= columns; column += 8) {
    let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
    let t0 = f32x4.splat(0), t1 = f32x4.splat(0), t2 = f32x4.splat(0), t3 = f32x4.splat(0);
    let left = a;
    let right = b + 4 * column;
    for (let i = 0; i < inner; i++) {
      const r = v128.load(right), u = v128.load(right, 16);
      const l0 = v128.load32_splat(left), l1 = v128.load32_splat(left + next);
      const l2 = v128.load32_splat(left + 2 * next), l3 = v128.load32_splat(left + 3 * next);
      s0 = f32x4.add(s0, f32x4.mul(l0, r));
      t0 = f32x4.add(t0, f32x4.mul(l0, u));
      s1 = f32x4.add(s1, f32x4.mul(l1, r));
      t1 = f32x4.add(t1, f32x4.mul(l1, u));
      s2 = f32x4.add(s2, f32x4.mul(l2, r));
      t2 = f32x4.add(t2, f32x4.mul(l2, u));
      s3 = f32x4.add(s3, f32x4.mul(l3, r));
      t3 = f32x4.add(t3, f32x4.mul(l3, u));
      left += 4;
      right += down;
    }
    const to = out + 4 * column;
    v128.store(to, s0);
    v128.store(to, t0, 16);
    v128.store(to + down, s1);
    v128.store(to + down, t1, 16);
    v128.store(to + 2 * down, s2);
    v128.store(to + 2 * down, t2, 16);
    v128.store(to + 3 * down, s3);
    v128.store(to + 3 * down, t3, 16);
  }
  for (; column + 4 <= columns; column += 4) {
    let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
    let left = a;
    let right = b + 4 * column;
    for (let i = 0; i < inner; i++) {
      const r = v128.load(right);
      s0 = f32x4.add(s0, f32x4.mul(v128.load32_splat(left), r));
      s1 = f32x4.add(s1, f32x4.mul(v128.load32_splat(left + next), r));
      s2 = f32x4.add(s2, f32x4.mul(v128.load32_splat(left + 2 * next), r));
      s3 = f32x4.add(s3, f32x4.mul(v128.load32_splat(left + 3 * next), r));
      left += 4;
      right += down;
    }
    const to = out + 4 * column;
    v128.store(to, s0);
    v128.store(to + down, s1);
    v128.store(to + 2 * down, s2);
    v128.store(to + 3 * down, s3);
  }
  for (let i: usize = 0; i < 4; i++) someColumns(out + i * down, a + i * next, b, column, columns, inner);
}

function oneRow(out: usize, a: usize, b: usize, columns: i32, inner: i32): void {
  let column = 0;
  for (; column + 4 <= columns; column += 4) {
    let sum = f32x4.splat(0);
    let right = b + 4 * column;
    for (let i = 0; i < inner; i++) {
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(a + 4 * i), v128.load(right)));
      right += 4 * columns;
    }
    v128.store(out + 4 * column, sum);
  }
  someColumns(out, a, b, column, columns, inner);
}

// The last columns of a row, fewer than four.
function someColumns(out: usize, a: usize, b: usize, from: i32, columns: i32, inner: i32): void {
  for (let column = from; column < columns; column++) {
    let sum: f32 = 0;
    for (let i = 0; i < inner; i++) sum += load<f32>(a + 4 * i) * load<f32>(b + 4 * (i * columns + column));
    store<f32>(out + 4 * column, sum);
  }
}

// out (columns, rows) = the transpose of a (rows, columns).
export function transpose(out: usize, a: usize, rows: i32, columns: i32): void {
  for (let row = 0; row < rows; row++) {
    let to = out + 4 * row;
    for (let column = 0; column < columns; column++) {
      store<f32>(to, load<f32>(a));
      a += 4;
      to += 4 * rows;
    }
  }
}

// A step of Adam on `size` numbers, a multiple of 4: moments, then weights. `rate` and `root` contain the corrections
// for the moments' start at zero.
export function adam(
  weights: usize, gradients: usize, first: usize, second: usize, size: i32,
  rate: f32, root: f32, keep1: f32, keep2: f32, epsilon: f32,
): void {
  const k1 = f32x4.splat(keep1), k2 = f32x4.splat(keep2);
  const new1 = f32x4.splat(1 - keep1), new2 = f32x4.splat(1 - keep2);
  const r = f32x4.splat(rate), c = f32x4.splat(root), e = f32x4.splat(epsilon);
  for (let at: usize = 0; at < 4 * <usize>size; at += 16) {
    const g = v128.load(gradients + at);
    const m = f32x4.add(f32x4.mul(k1, v128.load(first + at)), f32x4.mul(new1, g));
    const v = f32x4.add(f32x4.mul(k2, v128.load(second + at)), f32x4.mul(new2, f32x4.mul(g, g)));
    v128.store(first + at, m);
    v128.store(second + at, v);
    const step = f32x4.div(f32x4.mul(r, m), f32x4.add(f32x4.mul(f32x4.sqrt(v), c), e));
    v128.store(weights + at, f32x4.sub(v128.load(weights + at), step));
  }
}

// e^x of four numbers, to about 1e-7 of each; 0 below -87.
function exp(x: v128): v128 {
  const clamped = f32x4.max(f32x4.min(x, f32x4.splat(88)), f32x4.splat(-87));
  const n = f32x4.nearest(f32x4.mul(clamped, f32x4.splat(1.4426950408889634)));
  let r = f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(0.693359375))); // ln 2 in two parts: this one has few digits
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let sum = f32x4.splat(1 / 720);
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1 / 120));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1 / 24));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1 / 6));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(0.5));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.and(f32x4.mul(sum, power), f32x4.ge(x, f32x4.splat(-87)));
}

function tanh(x: v128): v128 {
  const limit = f32x4.splat(9); // beyond it tanh is 1 to the last digit
  const inside = f32x4.max(f32x4.min(x, limit), f32x4.neg(limit));
  const e = exp(f32x4.add(inside, inside));
  return f32x4.div(f32x4.sub(e, f32x4.splat(1)), f32x4.add(e, f32x4.splat(1)));
}

// Add a bias to each row of out (rows, columns), and apply an activation: 0 for none, 1 for ReLU, 2 for tanh.
export function activate(out: usize, bias: usize, rows: i32, columns: i32, kind: i32): void {
  for (let row = 0; row < rows; row++) {
    let column = 0;
    for (; column + 4 <= columns; column += 4) {
      v128.store(out, activated(f32x4.add(v128.load(out), v128.load(bias + 4 * column)), kind));
      out += 16;
    }
    for (; column < columns; column++) {
      const value = activated(f32x4.splat(load<f32>(out) + load<f32>(bias + 4 * column)), kind);
      store<f32>(out, f32x4.extract_lane(value, 0));
      out += 4;
    }
  }
}

function activated(x: v128, kind: i32): v128 {
  return kind == 1 ? f32x4.max(x, f32x4.splat(0)) : kind == 2 ? tanh(x) : x;
}

// For logs = table - constants, (rows, n): bring the peak of each row so far, and the sum of exp(log - peak), up to date,
// and for each column how near it comes to some row's peak. Columns beyond n, to a multiple of 4, must be -infinity.
export function sumExp(
  table: usize, constants: usize, rows: i32, n: i32, peaks: usize, sums: usize, near: usize,
): void {
  for (let row = 0; row < rows; row++) {
    const before = load<f32>(peaks + 4 * row);
    let highest = f32x4.splat(before);
    for (let at: usize = 0; at < 4 * <usize>n; at += 16) {
      const value = f32x4.sub(v128.load(table + at), v128.load(constants + at));
      v128.store(table + at, value);
      highest = f32x4.pmax(highest, value);
    }
    const peak = max(
      max(f32x4.extract_lane(highest, 0), f32x4.extract_lane(highest, 1)),
      max(f32x4.extract_lane(highest, 2), f32x4.extract_lane(highest, 3)),
    );
    let sum = f32x4.splat(0);
    for (let at: usize = 0; at < 4 * <usize>n; at += 16) {
      const below = f32x4.sub(v128.load(table + at), f32x4.splat(peak));
      v128.store(near + at, f32x4.pmax(v128.load(near + at), below));
      sum = f32x4.add(sum, exp(below));
    }
    const total = f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + f32x4.extract_lane(sum, 2) +
      f32x4.extract_lane(sum, 3);
    const kept = f32x4.extract_lane(exp(f32x4.splat(before - peak)), 0);
    store<f32>(sums + 4 * row, load<f32>(sums + 4 * row) * kept + total);
    store<f32>(peaks + 4 * row, peak);
    table += 4 * n;
  }
}
