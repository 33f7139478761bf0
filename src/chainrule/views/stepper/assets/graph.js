// The graph and its numbers: one forward pass, one backward pass, and what is known after any number of steps.
//
// Position 0: only what was given. 1 … F: so many of the F ops are computed. F + 1: the root's gradient is 1.
// Beyond: so many ops, from the root back, have passed their gradient on. 2F + 1: everything is done.

function numberOf(given) {
  return given === null ? null : Number(given === "nan" ? NaN : given === "inf" ? Infinity : given === "-inf" ? -Infinity : given);
}

class Graph {
  constructor(trace) {
    this.trace = trace;
    this.nodes = trace.nodes;
    this.root = trace.root;
    this.ops = this.nodes.filter((node) => node.kind === "op").map((node) => node.id);
    this.place = new Map(this.ops.map((id, place) => [id, place]));
    this.length = 2 * this.ops.length + 1;
    this.users = this.nodes.map(() => []);
    for (const node of this.nodes) node.operands.forEach((id, slot) => this.users[id].push([node.id, slot]));
    this.rules = this.nodes.map((node) => ruleOf(node));
    this.recorded = this.nodes.map((node) => numberOf(node.grad));
    this.restore();
  }

  /** Go back to the numbers that Python recorded. */
  restore() {
    this.edits = new Map();
    this.data = this.nodes.map((node) => numberOf(node.data));
    this.slopes = this.nodes.map((node) => node.slopes.map(numberOf));
  }

  get edited() {
    return this.edits.size > 0;
  }

  /** Why the number of a node cannot be changed; "" when it can. */
  fixed(id) {
    if (this.nodes[id].kind === "op") return "it is computed: change one of the leaves it comes from";
    return this.obstacle(id);
  }

  /** The first node downstream that this page cannot recompute, in words; "" when there is none. */
  obstacle(id) {
    const met = new Set([id]);
    for (const at of met) {
      for (const [user] of this.users[at]) {
        if (!this.rules[user]) return `${this.nodes[user].name} depends on it, and only Python can recompute that`;
        met.add(user);
      }
    }
    return "";
  }

  /** Change a leaf and recompute every value and every slope. */
  set(id, number) {
    const node = this.nodes[id];
    if (!node) throw new RangeError(`there is no node ${id}: ids go from 0 to ${this.nodes.length - 1}`);
    const why = this.fixed(id);
    if (why) throw new RangeError(`${node.name} cannot be changed: ${why}`);
    if (typeof number !== "number") throw new TypeError(`${node.name} needs a number, not ${typeof number}`);
    this.edits.set(id, number);
    this.data[id] = number;
    this.forward(this.data, this.slopes);
  }

  /** Compute every op anew in `data`, and its slopes if they are wanted; nodes in `held` keep their number. */
  forward(data, slopes = null, held = null) {
    for (const id of this.ops) {
      const rule = this.rules[id];
      if (!rule || held === id) continue;
      const inputs = this.nodes[id].operands.map((operand) => data[operand]);
      data[id] = rule.value(inputs);
      if (slopes) slopes[id] = rule.slopes(inputs, data[id]);
    }
  }

  /** The change of the root when one node is moved by h: what its slope predicts, and what happens. */
  nudge(id, h) {
    const data = [...this.data];
    this.forward(data); // so that a change that Python made later does not count as this one's effect
    const before = data[this.root];
    data[id] += h;
    this.forward(data, null, id);
    return { predicted: this.backward(this.length).grad[id] * h, actual: data[this.root] - before };
  }

  /** What happens between position − 1 and position. */
  step(position) {
    const count = this.ops.length;
    if (position <= 0) return { kind: "start", node: null };
    if (position <= count) return { kind: "forward", node: this.ops[position - 1], at: position, of: count };
    const at = position - count;
    if (at === 1) return { kind: "seed", node: this.root, at, of: count + 1 };
    return { kind: "backward", node: this.ops[count + 1 - at], at, of: count + 1 };
  }

  knows(id, position) {
    return this.nodes[id].kind !== "op" || this.place.get(id) < position;
  }

  values(position) {
    return this.data.map((number, id) => (this.knows(id, position) ? number : null));
  }

  /**
   * Run so much of the backward pass: `grad` by node (null where nothing arrived) and `arrived`, how many of a
   * node's terms are in it. Where a user's own _backward gave a term, only Python's total is known.
   */
  backward(position) {
    const grad = this.nodes.map(() => null);
    const arrived = new Uint32Array(this.nodes.length);
    const asked = new Set();
    const steps = position - this.ops.length - 1;
    if (steps < 0) return { grad, arrived };
    grad[this.root] = 1;
    for (let k = 0; k < steps; k += 1) {
      const id = this.ops[this.ops.length - 1 - k];
      const { operands } = this.nodes[id];
      for (let slot = 0; slot < operands.length; slot += 1) {
        const operand = operands[slot];
        if (this.nodes[operand].kind === "constant") continue;
        arrived[operand] += 1;
        const slope = this.slopes[id][slot];
        if (slope === null || grad[id] === null) asked.add(operand);
        else grad[operand] = grad[operand] === null ? slope * grad[id] : grad[operand] + slope * grad[id];
        if (asked.has(operand)) {
          const all = arrived[operand] === this.users[operand].length;
          grad[operand] = all && !this.edited ? this.recorded[operand] : null;
        }
      }
    }
    return { grad, arrived };
  }

  /** What Python holds that one pass over these numbers does not give: the first example, or null. */
  disagreement() {
    const data = [...this.data];
    this.forward(data);
    const differs = (a, b) => Math.abs(a - b) > 1e-7 * Math.max(1, Math.abs(a), Math.abs(b));
    for (const id of this.ops) if (differs(data[id], this.data[id])) return { kind: "stale", id, now: data[id] };
    if (!this.trace.backward) return null;
    const { grad } = this.backward(this.length);
    for (const node of this.nodes) {
      const held = this.recorded[node.id];
      if (held !== null && grad[node.id] !== null && differs(held, grad[node.id])) {
        return { kind: "gradient", id: node.id, held, once: grad[node.id] };
      }
    }
    return null;
  }
}

/** How a node is computed from its operands: from the op table, or null where this page cannot. */
function ruleOf(node) {
  if (node.kind !== "op" || node.missing > 0 || node.slopes.includes(null)) return null;
  const nary = Object.hasOwn(NARY, node.op) ? NARY[node.op] : null;
  if (nary) return nary;
  const row = Object.hasOwn(OPS, node.op) ? OPS[node.op] : null;
  if (!row) return null;
  if (node.exponent === null || node.exponent === undefined) {
    return { value: (x) => row.value(...x), slopes: (x, y) => row.slopes(...x, y) };
  }
  const exponent = numberOf(node.exponent);
  return { value: (x) => row.value(...x, exponent), slopes: (x, y) => row.slopes(...x, exponent, y).slice(0, 1) };
}
