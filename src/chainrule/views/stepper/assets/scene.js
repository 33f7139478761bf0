// The picture: boxes and edges as SVG, drawn anew when a box is folded, repainted at every step.

const FONT = '13px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';
const MARGIN = 16;
const MOST_LABELS = 12;
const MOST_EDGES_APART = 120;

class Scene {
  /** `act` has select(id), toggle(box) and the words for a node. */
  constructor(graph, tree, act) {
    Object.assign(this, { graph, tree, act, scale: 1, focus: null, boxes: new Map(), edges: [] });
    this.stage = byId("stage");
    this.svg = byId("graph");
    this.pen = document.createElement("canvas").getContext("2d");
    this.pen.font = FONT;
    this.svg.addEventListener("click", (event) => this.press(event));
    this.svg.addEventListener("focusin", (event) => this.rove(event.target.closest("[data-box]")));
  }

  /** Lay everything out and draw it. */
  draw() {
    this.plan = planOf(this.tree, (box) => Math.max(34, this.width(box.title, 600) + 20));
    const frames = this.plan.frames.map((box) => this.frame(box));
    this.edges = this.plan.edges.map((edge) => this.edge(edge));
    this.boxes = new Map();
    const boxes = [...this.plan.boxes].sort((a, b) => a.first - b.first).map((box) => this.box(box));
    this.labels = svg("g", { class: "labels", "aria-hidden": "true" });
    this.svg.replaceChildren(
      arrowheads(),
      svg("g", { class: "frames" }, ...frames),
      svg("g", { class: "edges", "aria-hidden": "true" }, ...this.edges.map(({ path }) => path)),
      svg("g", { class: "boxes" }, ...boxes),
      this.labels,
    );
    this.svg.classList.toggle("dense", this.edges.length > MOST_EDGES_APART);
    this.zoom(this.scale);
    this.byLink = new Map();
    for (const edge of this.edges) for (const link of edge.links) this.byLink.set(`${link.user}:${link.slot}`, edge);
    this.keepOneTabStop();
  }

  width(words, weight = 400) {
    this.pen.font = `${weight} ${FONT}`;
    return this.pen.measureText(words).width;
  }

  fitted(words, most, weight = 400) {
    if (this.width(words, weight) <= most) return words;
    const letters = [...words].slice(0, 60);
    while (letters.length > 1 && this.width(`${letters.join("")}…`, weight) > most) letters.pop();
    return `${letters.join("")}…`;
  }

  frame(box) {
    const { left, top, width, height } = box;
    const fold = svg("g", { class: "fold", role: "button", tabindex: "-1", "data-box": box.key,
      "aria-expanded": "true", "aria-label": `${box.title}, ${count(box.count, "node")}: fold` },
      svg("rect", { x: left + 8, y: top + 6, width: Math.max(Math.min(width - 16, 200), 60), height: 20, rx: 5, class: "hit" }),
      svg("text", { x: left + 14, y: top + 20, class: "sign" }, "−"),
      svg("text", { x: left + 28, y: top + 20, class: "title" }, this.fitted(box.title, width - 44, 600)));
    return svg("g", { class: "frame" }, svg("rect", { x: left, y: top, width, height, rx: 12 }), fold);
  }

  edge(edge) {
    const path = svg("path", { d: curveOf(edge.points), class: "edge" });
    if (edge.links.length > 1) path.style.strokeWidth = `${Math.min(1 + Math.log2(edge.links.length) / 4, 3)}px`;
    return { ...edge, path };
  }

  box(box) {
    const drawn = box.kind === "node" ? this.node(box) : box.kind === "piece" ? this.piece(box) : this.folded(box);
    drawn.element.setAttribute("transform", `translate(${box.left} ${box.top})`);
    drawn.element.setAttribute("data-box", box.key);
    drawn.kind = drawn.element.getAttribute("class");
    this.boxes.set(box, drawn);
    return drawn.element;
  }

  node(box) {
    const node = this.graph.nodes[box.node];
    const { width, height } = box;
    const attributes = { class: `node ${node.kind}`, "data-node": node.id, role: "button", tabindex: "-1" };
    const corner = { leaf: 0, constant: 3, op: 14 }[node.kind];
    const shape = svg("rect", { width, height, rx: corner, class: "shape" });
    const hint = svg("title", {}, node.label || node.name);
    if (node.kind === "constant") {
      const value = svg("text", { x: width / 2, y: height / 2 + 4.5, "text-anchor": "middle", class: "value" });
      return { element: svg("g", attributes, hint, shape, value), data: value };
    }
    const symbol = symbolOf(node);
    const lead = symbol ? this.width(symbol, 700) + 18 : 10;
    const name = this.fitted(shortName(node), width - lead - 10, 600);
    const data = row(width, 40, "data");
    const grad = row(width, 58, "grad");
    const parts = [svg("text", { x: lead, y: 20, class: "name" }, name), ...data.parts, ...grad.parts];
    if (symbol) parts.unshift(svg("text", { x: 10, y: 20, class: "symbol" }, symbol));
    return { element: svg("g", attributes, hint, shape, ...parts), data: data.value, grad: grad.value };
  }

  /** A multiplication or addition inside a sum that is drawn in pieces. */
  piece(box) {
    const { width, height } = box;
    const data = row(width, 39, "data");
    const grad = row(width, 57, "grad");
    const element = svg("g", { class: "node op piece", role: "button", tabindex: "-1" },
      svg("rect", { width, height, rx: 14, class: "shape" }),
      svg("text", { x: 10, y: 20, class: "symbol" }, box.piece.symbol), ...data.parts, ...grad.parts);
    return { element, data: data.value, grad: grad.value, number: box.piece.value };
  }

  folded(box) {
    const { width, height } = box;
    const attributes = { class: "node group", role: "button", tabindex: "-1", "aria-expanded": "false" };
    const back = svg("rect", { x: 5, y: 5, width, height, rx: 12, class: "shape behind" });
    const shape = svg("rect", { width, height, rx: 12, class: "shape" });
    const inside = row(width, 40, "nodes");
    say(inside.value, box.count.toLocaleString("en"));
    const outputs = this.outputs(box);
    const last = row(width, 58, outputs.length === 1 ? "output" : "outputs");
    if (outputs.length !== 1) say(last.value, outputs.length.toLocaleString("en"));
    const element = svg("g", attributes, svg("title", {}, box.title), back, shape,
      svg("text", { x: 10, y: 20, class: "sign" }, "+"),
      svg("text", { x: 26, y: 20, class: "name" }, this.fitted(box.title, width - 36, 600)), ...inside.parts, ...last.parts);
    return { element, output: outputs.length === 1 ? outputs[0] : null, data: outputs.length === 1 ? last.value : null };
  }

  /** The nodes in a box whose numbers leave it. */
  outputs(box) {
    const inside = new Set();
    const stack = [box];
    while (stack.length) {
      const at = stack.pop();
      if (at.kind === "node") inside.add(at.node);
      else stack.push(...at.children);
    }
    return [...inside].filter((id) => id === this.graph.root || this.graph.users[id].some(([user]) => !inside.has(user)));
  }

  /** Show the numbers of a position. `view` has values, grad, current, selected, hidden, step. */
  paint(view) {
    this.view = view;
    const current = view.current === null ? null : this.tree.seen(view.current);
    const selected = view.selected === null ? null : this.tree.seen(view.selected);
    for (const [box, drawn] of this.boxes) {
      const id = box.node ?? drawn.output;
      const known = id !== null && view.values[id] !== null;
      if (drawn.data && id !== null) say(drawn.data, short(known && drawn.number ? drawn.number(this.graph.data) : view.values[id]));
      if (drawn.grad) say(drawn.grad, id === view.hidden ? "?" : short(drawn.number && !view.passed(id) ? null : view.grad[id]));
      const marks = [box === current && "current", box === selected && "selected", id !== null && !known && "waiting",
        box.kind === "node" && this.graph.edits.has(id) && "edited"].filter(Boolean);
      this.mark(drawn, [drawn.kind, ...marks].join(" "), this.act.describe(box, drawn.output ?? null), box === current);
    }
    this.light(view);
  }

  /** Touch only what changes: a thousand boxes are repainted at every step. */
  mark(drawn, marks, label, current) {
    const { element } = drawn;
    if (drawn.marks !== marks) element.setAttribute("class", marks);
    if (drawn.label !== label) element.setAttribute("aria-label", label);
    if (drawn.current !== current && current) element.setAttribute("aria-current", "step");
    if (drawn.current !== current && !current) element.removeAttribute("aria-current");
    Object.assign(drawn, { marks, label, current });
  }

  /** Light the edges of the step and of the chosen node's terms, with their local derivatives. */
  light(view) {
    const lit = new Map();
    const met = new Set();
    const { kind } = view.step;
    const put = (user, slot, how) => {
      const link = `${user}:${slot}`;
      const edge = this.byLink.get(link);
      if (!edge || met.has(link)) return;
      met.add(link);
      if (!lit.has(edge)) lit.set(edge, { how, slopes: [] });
      lit.get(edge).slopes.push(this.graph.slopes[user][slot]);
    };
    if (kind === "forward" || kind === "backward") {
      const { nodes } = this.graph;
      nodes[view.current].operands.forEach((id, slot) => {
        if (kind === "forward" || nodes[id].kind !== "constant") put(view.current, slot, kind);
      });
    }
    if (view.selected !== null && kind !== "forward") {
      for (const [user, slot] of this.graph.users[view.selected]) put(user, slot, "term");
    }
    for (const edge of this.edges) {
      const how = lit.get(edge)?.how ?? "";
      if (edge.how !== how) edge.path.setAttribute("class", `edge ${how}`);
      edge.how = how;
    }
    const told = [...lit].filter(([{ links }]) => this.graph.nodes[links[0].operand].kind !== "constant");
    const few = told.length <= MOST_LABELS ? told : [];
    this.labels.replaceChildren(...few.map(([edge, { how, slopes }]) => {
      const { links } = edge;
      const { x, y } = labelSpot(edge);
      const secret = !view.hinted && links.every(({ operand }) => operand === view.hidden);
      const words = secret ? "?" : slopes.length === 1 ? `× ${text(slopes[0])}` : count(slopes.length, "path");
      return svg("text", { x, y: y + 4, class: `label ${how}` }, words);
    }));
  }

  /** Make one term's edge stand out while a person points at the term. */
  point(user, slot, on) {
    this.byLink.get(`${user}:${slot}`)?.path.classList.toggle("pointed", on);
  }

  press(event) {
    const element = event.target.closest("[data-box]");
    if (element) this.activate(element);
  }

  activate(element) {
    const id = element.getAttribute("data-node");
    const piece = /^piece \d+ of (\d+)$/.exec(element.getAttribute("data-box"));
    if (id !== null || piece) this.act.select(Number(id ?? piece[1]));
    else this.act.toggle(element.getAttribute("data-box"));
  }

  stops() {
    return [...this.svg.querySelectorAll("[data-box]")];
  }

  element(key) {
    return this.svg.querySelector(`[data-box="${CSS.escape(key)}"]`);
  }

  /** The whole picture is one stop of the Tab key; other keys move inside it. */
  keepOneTabStop() {
    const stops = this.stops();
    const stop = stops.find((each) => each.getAttribute("data-box") === this.focus) ?? stops[stops.length - 1];
    if (stop) this.rove(stop);
  }

  rove(element) {
    if (!element) return;
    this.svg.querySelectorAll('[tabindex="0"]').forEach((each) => each.setAttribute("tabindex", "-1"));
    element.setAttribute("tabindex", "0");
    this.focus = element.getAttribute("data-box");
  }

  /** Move the focus to the nearest box in a direction; null when there is none. */
  neighbour(from, dx, dy) {
    const here = middleOf(from);
    let [best, least] = [null, Infinity];
    for (const stop of this.stops()) {
      const there = middleOf(stop);
      const [x, y] = [there.x - here.x, there.y - here.y];
      const along = x * dx + y * dy;
      const aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (stop !== from && along > 4 && along + 2.5 * aside < least) [best, least] = [stop, along + 2.5 * aside];
    }
    return best;
  }

  zoom(scale) {
    this.scale = Math.min(Math.max(scale, 0.1), 3);
    const [width, height] = [this.plan.width + 2 * MARGIN + 6, this.plan.height + 2 * MARGIN + 6];
    this.svg.setAttribute("viewBox", `${-MARGIN} ${-MARGIN} ${width} ${height}`);
    this.svg.setAttribute("width", width * this.scale);
    this.svg.setAttribute("height", height * this.scale);
  }

  /** Show all of it, but not so small that nothing can be read, nor larger than life. */
  fit(least = 0.1) {
    const { clientWidth, clientHeight } = this.stage;
    const padding = parseFloat(getComputedStyle(this.stage).paddingBottom);
    const all = Math.min(clientWidth / (this.plan.width + 2 * MARGIN + 6), (clientHeight - padding) / (this.plan.height + 2 * MARGIN + 6));
    this.zoom(Math.min(Math.max(all, least), 1.25));
  }

  /** Scroll so that the box of a node is in sight. */
  bring(id) {
    const box = this.boxes.get(this.tree.seen(id)) && this.tree.seen(id);
    if (!box) return;
    const { stage, scale } = this;
    const [x, y] = [(box.left + MARGIN) * scale, (box.top + MARGIN) * scale];
    const [width, height] = [box.width * scale, box.height * scale];
    const out = (from, size, seen, room) => from < seen + 8 || from + size > seen + room - 8;
    if (out(x, width, stage.scrollLeft, stage.clientWidth)) stage.scrollLeft = x + width / 2 - stage.clientWidth / 2;
    if (out(y, height, stage.scrollTop, stage.clientHeight)) stage.scrollTop = y + height / 2 - stage.clientHeight / 2;
  }
}

/** A line of a box: a word on the left, a number on the right. */
function row(width, y, word) {
  const value = svg("text", { x: width - 10, y, "text-anchor": "end", class: "value" });
  return { value, parts: [svg("text", { x: 10, y, class: "word" }, word), value] };
}

function short(number) {
  return number === null || number === undefined ? "–" : text(number);
}

function middleOf(element) {
  const { x, y, width, height } = element.getBoundingClientRect();
  return { x: x + width / 2, y: y + height / 2 };
}

function arrowheads() {
  const head = (id, how) => svg("marker", { id, viewBox: "0 0 8 8", refX: how === "back" ? 0.5 : 7.5, refY: 4,
    markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" },
    svg("path", { d: how === "back" ? "M8 .5L0 4L8 7.5z" : "M0 .5L8 4L0 7.5z", class: id }));
  return svg("defs", {}, head("ahead"), head("forward-head"), head("backward-head", "back"), head("term-head", "back"));
}
