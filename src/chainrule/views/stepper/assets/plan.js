// Where every box that is to be seen lies, and how the edges between them run.

const SIZE = { node: [138, 68], constant: [0, 28], piece: [112, 66], folded: [150, 68] };
const FRAME = { pad: 14, head: 30 };

/** Lay out a tree of boxes: { boxes, frames, edges, width, height }, boxes with left, top, width, height. */
function planOf(tree, widthOf) {
  const { graph } = tree;
  const edges = visibleEdges(tree, graph.nodes.map((node) => tree.seen(node.id)));
  forgetWays(tree.root);
  for (const edge of edges) edge.hops = hopsOf(edge);
  const plan = { boxes: [], frames: [], edges };
  sizeOf(tree.root, graph, widthOf);
  place(tree.root, 0, 0, plan);
  for (const edge of edges) edge.points = edge.hops.flatMap((hop) => pointsOf(hop));
  const { inner } = tree.root;
  return Object.assign(plan, { width: inner.width, height: inner.height });
}

/** One edge for every pair of boxes, and for every operand between two nodes: `a*a` has two. */
function visibleEdges(tree, seen) {
  const { graph } = tree;
  const found = new Map();
  for (const id of graph.ops) {
    const { operands } = graph.nodes[id];
    if (tree.apart.has(id) && seen[id] === tree.boxes[id]) {
      for (const edge of edgesInPieces(tree, seen, id)) found.set(edge.key, { ...edge, into: [edge.into] });
      continue;
    }
    operands.forEach((operand, slot) => {
      const [from, to] = [seen[operand], seen[id]];
      if (from === to) return;
      const own = from.kind === "node" && to.kind === "node";
      const key = `${from.key}>${to.key}${own ? `>${slot}` : ""}`;
      if (!found.has(key)) found.set(key, { key, from, to, links: [], into: [] });
      found.get(key).links.push({ operand, user: id, slot });
      found.get(key).into.push(to.kind === "node" ? portOf(slot, operands.length) : 0);
    });
  }
  return [...found.values()].map((edge) => ({ ...edge, into: mean(edge.into) }));
}

function mean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** How far from the middle of its box an operand's edge comes in: in order from above. */
function portOf(slot, many) {
  return (slot - (many - 1) / 2) * Math.min(24, 52 / many);
}

/** The boxes around two boxes that stand side by side, and the box that both are in. */
function siblings(from, to) {
  const outer = new Map();
  for (let box = from; box.parent; box = box.parent) outer.set(box.parent, box);
  let box = to;
  while (!outer.has(box.parent)) box = box.parent;
  return [outer.get(box.parent), box, box.parent];
}

function forgetWays(root) {
  const stack = [root];
  while (stack.length) {
    const box = stack.pop();
    Object.assign(box, { hops: new Map(), ports: new Map() });
    stack.push(...box.children);
  }
}

/**
 * An edge as hops, each inside one frame: out through the frames around its start, across, and in through those
 * around its end. Where it crosses the rim of a frame it has a port, which the layout of the frame places.
 */
function hopsOf({ key, from, to, into }) {
  const [tail, head, around] = siblings(from, to);
  const shared = to.kind === "node" || to.kind === "piece" ? key : to.key; // edges into a folded box share a port
  const outwards = [];
  let leaves = null;
  for (let [at, frame] = [from, from.parent]; frame !== around; [at, frame] = [frame, frame.parent]) {
    const port = portIn(frame, "out", from.key);
    outwards.push(hopIn(frame, `out ${from.key}`, { tail: at, leaves, head: port, shift: 0 }));
    leaves = port;
  }
  const inwards = [];
  let enters = null;
  for (let [at, frame] = [to, to.parent]; frame !== around; [at, frame] = [frame, frame.parent]) {
    const port = portIn(frame, "in", shared);
    inwards.unshift(hopIn(frame, `in ${shared}`, { tail: port, head: at, enters, shift: enters ? 0 : into }));
    enters = port;
  }
  const across = hopIn(around, `across ${key}`, { tail, leaves, head, enters, shift: enters ? 0 : into });
  return [...outwards, across, ...inwards];
}

function portIn(frame, side, key) {
  const name = `${side} ${key}`;
  if (!frame.ports.has(name)) {
    const first = side === "in" ? -1 : Infinity;
    frame.ports.set(name, { port: true, side, frame, first, width: 0, height: 4 });
  }
  return frame.ports.get(name);
}

function hopIn(frame, key, hop) {
  if (!frame.hops.has(key)) frame.hops.set(key, { ...hop, frame });
  return frame.hops.get(key);
}

function sizeOf(box, graph, widthOf) {
  if (box.kind === "piece") {
    [box.width, box.height] = SIZE.piece;
    return;
  }
  if (box.kind === "node") {
    const constant = graph.nodes[box.node].kind === "constant";
    [box.width, box.height] = constant ? [widthOf(box), SIZE.constant[1]] : SIZE.node;
    return;
  }
  if (!box.open) {
    [box.width, box.height] = SIZE.folded;
    return;
  }
  for (const child of box.children) sizeOf(child, graph, widthOf);
  const items = [...box.children, ...box.ports.values()];
  const number = new Map(items.map((item, i) => [item, i]));
  const arrows = [...box.hops.values()].map((hop) => ({
    hop,
    tail: number.get(hop.tail),
    head: number.get(hop.head),
    out: hop.leaves ? belowMiddle(hop.leaves) : 0,
    into: hop.enters ? belowMiddle(hop.enters) : hop.shift,
  }));
  box.inner = layOut(items, arrows);
  for (const { hop, lanes, back } of arrows) Object.assign(hop, { lanes, back });
  box.width = box.inner.width + 2 * FRAME.pad;
  box.height = box.inner.height + FRAME.pad + FRAME.head;
}

/** How far below the middle of its frame a port lies. */
function belowMiddle(port) {
  return FRAME.head + port.y - port.frame.height / 2;
}

function place(box, left, top, plan) {
  box.origin = { left, top };
  for (const child of box.children) {
    Object.assign(child, { left: left + child.x - child.width / 2, top: top + child.y - child.height / 2 });
    if (child.open) {
      plan.frames.push(child);
      place(child, child.left + FRAME.pad, child.top + FRAME.head, plan);
    } else {
      plan.boxes.push(child);
    }
  }
}

/** The points of a hop: straight across ranks, bending (`bend`) between them. */
function pointsOf({ frame, tail, leaves, head, enters, shift, lanes, back }) {
  const { left, top } = frame.origin;
  const begin = tail.port
    ? { x: left + tail.x, y: top + tail.y }
    : { x: tail.left + tail.width, y: tail.top + tail.height / 2 + (leaves ? belowMiddle(leaves) : 0) };
  const end = head.port
    ? { x: left + head.x, y: top + head.y }
    : { x: head.left, y: head.top + head.height / 2 + (enters ? belowMiddle(enters) : shift) };
  if (back) return [begin, { ...end, bend: true }];
  const passed = lanes.flatMap(({ middle, half, y }) => [
    { x: left + middle - half, y: top + y, bend: true },
    { x: left + middle + half, y: top + y },
  ]);
  const enter = { x: left + head.x - head.column, y: end.y, bend: true };
  return [begin, { x: left + tail.x + tail.column, y: begin.y }, ...passed, enter, end];
}

/** An SVG path through points. */
function curveOf(points) {
  return points.map((b, i) => {
    if (!i) return `M${b.x} ${b.y}`;
    const a = points[i - 1];
    if (!b.bend || a.y === b.y) return `L${b.x} ${b.y}`;
    const far = b.x > a.x ? (b.x - a.x) / 2 : 60; // against the direction, in a loop
    return `C${a.x + far} ${a.y} ${b.x - far} ${b.y} ${b.x} ${b.y}`;
  }).join("");
}

/** Where a label stands: in the last bend, on the outer side of where the edge comes in. */
function labelSpot({ points, into }) {
  let last = points.length - 1;
  while (last > 1 && !points[last].bend) last -= 1;
  const [a, b] = [points[last - 1], points[last]];
  return { x: a.x + (b.x - a.x) * 0.55, y: a.y + (b.y - a.y) * 0.58 + 7 * Math.sign(into) };
}
