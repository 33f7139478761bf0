// Where every box that is to be seen lies, and how the edges between them run.

const SIZE = { node: [130, 68], constant: [0, 28], piece: [112, 66], folded: [150, 68] };
const FRAME = { pad: 14, head: 30 };

/** Lay out a tree of boxes: { boxes, frames, edges, width, height }, boxes with left, top, width, height. */
function planOf(tree, widthOf) {
  const { graph } = tree;
  const seen = graph.nodes.map((node) => tree.seen(node.id));
  const edges = visibleEdges(tree, seen);
  const arrowsIn = new Map();
  for (const edge of edges) {
    const [tail, head, around] = siblings(edge.from, edge.to);
    Object.assign(edge, { tailBox: tail, headBox: head });
    if (!arrowsIn.has(around)) arrowsIn.set(around, []);
    arrowsIn.get(around).push(edge);
  }
  const plan = { boxes: [], frames: [], edges };
  sizeOf(tree.root, graph, arrowsIn, widthOf);
  place(tree.root, 0, 0, plan);
  for (const edge of edges) edge.points = pathOf(edge);
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

function sizeOf(box, graph, arrowsIn, widthOf) {
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
  for (const child of box.children) sizeOf(child, graph, arrowsIn, widthOf);
  const number = new Map(box.children.map((child, i) => [child, i]));
  const arrows = (arrowsIn.get(box) ?? []).map((edge) => ({
    edge,
    tail: number.get(edge.tailBox),
    head: number.get(edge.headBox),
    out: heightWithin(edge.from, edge.tailBox),
    into: heightWithin(edge.to, edge.headBox) + edge.into,
  }));
  box.inner = layOut(box.children, arrows);
  for (const { edge, lanes, back } of arrows) Object.assign(edge, { lanes, back });
  box.width = box.inner.width + 2 * FRAME.pad;
  box.height = box.inner.height + FRAME.pad + FRAME.head;
}

/** How far below the middle of an outer box the middle of an inner one lies. */
function heightWithin(inner, outer) {
  let y = 0;
  for (let box = inner; box !== outer; box = box.parent) {
    y += box.y + FRAME.head - box.parent.height / 2;
  }
  return y;
}

function place(box, left, top, plan) {
  for (const child of box.children) {
    Object.assign(child, { left: left + child.x - child.width / 2, top: top + child.y - child.height / 2 });
    if (child.open) {
      plan.frames.push(child);
      place(child, child.left + FRAME.pad, child.top + FRAME.head, plan);
    } else {
      plan.boxes.push(child);
    }
  }
  box.origin = { left, top };
}

/** The points of an edge: straight across ranks, bending between them. */
function pathOf({ from, to, tailBox, headBox, lanes, back, into }) {
  const { left, top } = tailBox.parent.origin;
  const begin = { x: from.left + from.width, y: from.top + from.height / 2 };
  const end = { x: to.left, y: to.top + to.height / 2 + into };
  if (back) return [begin, end];
  const leave = left + tailBox.x + tailBox.column;
  const enter = left + headBox.x - headBox.column;
  const passed = lanes.flatMap(({ middle, half, y }) => [
    { x: left + middle - half, y: top + y },
    { x: left + middle + half, y: top + y },
  ]);
  return [begin, { x: leave, y: begin.y }, ...passed, { x: enter, y: end.y }, end];
}

/** An SVG path through points: each second stretch is a bend. */
function curveOf(points) {
  if (points.length === 2) {
    const [a, b] = points;
    const far = Math.max(60, Math.abs(b.x - a.x) / 2);
    return `M${a.x} ${a.y}C${a.x + far} ${a.y} ${b.x - far} ${b.y} ${b.x} ${b.y}`;
  }
  let path = `M${points[0].x} ${points[0].y}`;
  points.slice(1).forEach((b, i) => {
    const a = points[i];
    const middle = (a.x + b.x) / 2;
    path += i % 2 ? `C${middle} ${a.y} ${middle} ${b.y} ${b.x} ${b.y}` : `L${b.x} ${b.y}`;
  });
  return path;
}

/** Where a label stands: in the last bend, on the outer side of where the edge comes in. */
function labelSpot({ points, into }) {
  const [a, b] = points.slice(points.length === 2 ? -2 : -3);
  return { x: a.x + (b.x - a.x) * 0.55, y: a.y + (b.y - a.y) * 0.58 + 7 * Math.sign(into) };
}
