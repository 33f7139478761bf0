// The page: one position, one chosen node, and everything that shows them or moves them.

const SPEEDS = { slow: 1400, normal: 700, fast: 120 };

class Stepper {
  constructor(trace) {
    this.graph = new Graph(trace);
    this.trace = trace;
    this.tree = new Tree(this.graph);
    this.timer = null;
    const act = {
      select: (id) => this.select(id),
      reveal: (id) => this.reveal(id),
      toggle: (key) => this.toggle(key),
      set: (id, number) => this.set(id, number),
      restore: () => this.restore(),
      blank: () => this.paint(),
      quiz: () => this.toggleQuiz(),
      apart: (id) => this.apart(id),
      isApart: (id) => this.tree.apart.has(id),
      describe: (box, output) => this.describe(box, output),
    };
    this.scene = new Scene(this.graph, this.tree, act);
    this.panel = new Panel(this.graph, this.scene, act);
    this.table = new Table(this.graph, act);
    this.search = new Search(this.graph, act);
    this.quiz = new Quiz(this.graph, act);
    this.position = trace.backward ? this.length : this.graph.ops.length;
    this.selected = this.stepNode();
  }

  get length() {
    return this.graph.length;
  }

  stepNode() {
    return this.graph.step(this.position).node ?? this.graph.ops[0] ?? this.graph.root;
  }

  start() {
    this.scene.draw();
    this.scene.fit(0.8);
    new Controls(this);
    this.paint();
    this.scene.bring(this.selected);
  }

  /** Go to a position between 0 and `length`. */
  go(position) {
    const place = Math.round(Number(position));
    if (Number.isNaN(place)) throw new TypeError(`go() takes a position from 0 to ${this.length}`);
    this.position = Math.min(Math.max(place, 0), this.length);
    this.selected = this.stepNode();
    this.table.show(this.selected);
    this.paint();
    this.scene.bring(this.selected);
  }

  values() {
    return this.graph.values(this.position);
  }

  grads() {
    return this.graph.backward(this.position).grad;
  }

  /** Change a leaf; everything that depends on it is computed anew. */
  set(id, number) {
    this.graph.set(id, number);
    this.paint();
  }

  restore() {
    this.graph.restore();
    this.paint();
    byId("next").focus();
  }

  select(id) {
    this.selected = id;
    this.table.show(id);
    this.paint();
  }

  reveal(id) {
    if (this.tree.reveal(id)) this.redraw();
    this.select(id);
    this.scene.focus = `node ${id}`;
    this.scene.keepOneTabStop();
    this.scene.bring(id);
  }

  /** Fold or open a box, and keep the focus on it. */
  toggle(key) {
    const box = findBox(this.tree.root, key);
    if (box.kind === "pieces") {
      this.apart(box.whole.node);
      return;
    }
    box.open = !box.open;
    this.redraw();
    this.scene.element(key)?.focus({ preventScroll: true });
  }

  /** Draw a sum in pieces, or as one box again. */
  apart(id) {
    const box = this.tree.boxes[id];
    if (this.tree.apart.has(id)) putTogether(this.tree, box.parent);
    else takeApart(this.tree, box);
    this.tree.reveal(id);
    this.redraw();
    this.scene.bring(id);
  }

  redraw() {
    this.scene.draw();
    this.paint();
  }

  toggleQuiz() {
    if (!this.quiz.on && this.position < this.length) this.go(this.length);
    this.quiz.toggle();
    byId("quiz-toggle").setAttribute("aria-pressed", String(this.quiz.on));
    (this.quiz.on ? byId("guess") : byId("quiz-toggle"))?.focus();
  }

  /** Everything that is shown, as one plain description. */
  view() {
    const { graph, position, selected } = this;
    const { grad, arrived } = graph.backward(position);
    const { hidden, hinted } = this.quiz;
    const step = graph.step(position);
    const known = (id) => (grad[id] === null && arrived[id] ? "known to Python only" : text(grad[id]));
    const gradText = (id) => (id === hidden ? "?" : known(id));
    const factorText = (id) => (id === hidden ? "?" : factor(grad[id]));
    const passed = (id) => position - graph.ops.length - 1 > graph.ops.length - 1 - graph.place.get(id);
    return { graph, position, selected, grad, arrived, hidden, hinted, step, current: step.node,
      values: graph.values(position), gradText, factorText, passed };
  }

  paint() {
    const view = this.view();
    say(byId("result"), text(this.graph.data[this.graph.root]));
    this.scene.paint(view);
    this.panel.paint(view);
    this.table.paint(view);
    this.controls?.paint(view);
  }

  /** What a screen reader says of a box. */
  describe(box, output) {
    const view = this.scene.view;
    if (box.kind === "piece") return `${box.title === "×" ? "product" : "sum"} in ${this.graph.nodes[box.node].name}`;
    if (box.kind !== "node") {
      const leaves = output === null ? "" : `, output ${text(view.values[output])}`;
      return `${box.title}, ${count(box.count, "node")}${leaves}: open`;
    }
    const node = this.graph.nodes[box.node];
    const value = `value ${text(view.values[node.id])}`;
    if (node.kind === "constant") return `constant ${text(view.values[node.id])}`;
    box.made ??= node.kind === "leaf" ? "leaf" : origin(node, this.graph.nodes);
    const what = box.made;
    return `${node.name}, ${what}, ${value}, gradient ${view.gradText(node.id)}`;
  }
}

function findBox(root, key) {
  const stack = [root];
  while (stack.length) {
    const box = stack.pop();
    if (box.key === key) return box;
    stack.push(...box.children);
  }
  return null;
}

const page = new Stepper(JSON.parse(byId("trace").textContent));
page.start();

/** For tests and for people who script the page. */
window.stepper = {
  trace: page.trace,
  get position() {
    return page.position;
  },
  get length() {
    return page.length;
  },
  go: (position) => page.go(position),
  grads: () => page.grads(),
  values: () => page.values(),
  set: (id, number) => page.set(id, number),
};
