// A sum or dot product drawn as the small additions and multiplications that it stands for, on request.

const MOST_TERMS_DRAWN = 24;

/** Whether a node can be drawn in pieces. */
function inPieces(node) {
  return (node.op === "dot" || node.op === "sum") && !node.missing && node.operands.length > 2
    && node.operands.length <= 2 * MOST_TERMS_DRAWN;
}

/**
 * The pieces of a node, in order, the last sum left out, for that is the node itself: { symbol, value(data), from }.
 * `from` lists where its operands come from: { slot } of the node, or { piece }; `last` does it for the node.
 */
function piecesOf(node) {
  const { operands } = node;
  const pieces = [];
  const add = (symbol, from, value) => ({ piece: pieces.push({ symbol, from, value }) - 1 });
  const number = (from) => (from.piece === undefined ? (data) => data[operands[from.slot]] : pieces[from.piece].value);
  const joined = (symbol, from, apply) => {
    const [a, b] = from.map(number);
    return add(symbol, from, (data) => apply(a(data), b(data)));
  };
  let terms = operands.map((_, slot) => ({ slot }));
  if (node.op === "dot") {
    const half = operands.length >> 1;
    const start = terms.slice(2 * half);
    terms = [...start, ...terms.slice(0, half).map((left, i) => joined("×", [left, terms[half + i]], (a, b) => a * b))];
  }
  let total = terms[0];
  for (const term of terms.slice(1, -1)) total = joined("+", [total, term], (a, b) => a + b);
  return { pieces, last: [total, terms[terms.length - 1]] };
}

/** Put the pieces of a node around its box: a frame that can be folded again. */
function takeApart(tree, box) {
  const node = tree.graph.nodes[box.node];
  const { pieces, last } = piecesOf(node);
  const frame = new Box(`pieces of ${node.id}`, "pieces", shortName(node), box.parent);
  Object.assign(frame, { open: true, count: 1, first: box.first, last: box.last, whole: box });
  const drawn = pieces.map((piece, place) => {
    const child = new Box(`piece ${place} of ${node.id}`, "piece", piece.symbol, frame);
    return Object.assign(child, { piece, node: node.id, first: box.first, last: box.last, count: 0 });
  });
  frame.children = [...drawn, box];
  box.parent.children.splice(box.parent.children.indexOf(box), 1, frame);
  box.parent = frame;
  tree.apart.set(node.id, { drawn, last });
}

function putTogether(tree, frame) {
  const { parent, whole } = frame;
  parent.children.splice(parent.children.indexOf(frame), 1, whole);
  whole.parent = parent;
  tree.apart.delete(whole.node);
}

/** The edges inside a node that is in pieces, and those that lead into it. */
function edgesInPieces(tree, seen, id) {
  const { drawn, last } = tree.apart.get(id);
  const { operands } = tree.graph.nodes[id];
  const edges = [];
  const join = (from, to) => from.forEach((source, place) => {
    const inner = source.piece !== undefined;
    const start = inner ? drawn[source.piece] : seen[operands[source.slot]];
    const links = inner ? [] : [{ operand: operands[source.slot], user: id, slot: source.slot }];
    const key = `${start.key}>${to.key}>${place}`;
    edges.push({ key, from: start, to, links, into: portOf(place, from.length) });
  });
  for (const box of drawn) join(box.piece.from, box);
  join(last, seen[id]);
  return edges;
}
