// Boxes in boxes: neurons in layers, and, where too many stand side by side, parts in order; each can be folded.

const MOST_SIDE_BY_SIDE = 64;
const MOST_OPEN_AT_FIRST = 60;
const PARTS = 12;

class Box {
  constructor(key, kind, title, parent) {
    Object.assign(this, { key, kind, title, parent, children: [], node: null, open: false, count: 0 });
  }

  get shown() {
    for (let box = this.parent; box; box = box.parent) if (!box.open) return false;
    return true;
  }
}

class Tree {
  constructor(graph) {
    this.graph = graph;
    this.root = new Box("", "root", "", null);
    this.root.open = true;
    this.apart = new Map();
    const groups = new Map([["", this.root]]);
    for (const { path, title, parent } of graph.trace.groups) {
      const outer = groups.get(parent) ?? this.root;
      const box = new Box(`group ${path}`, "group", title, outer);
      box.path = path;
      outer.children.push(box);
      groups.set(path, box);
    }
    this.boxes = graph.nodes.map((node) => {
      const outer = groups.get(node.group) ?? this.root;
      const box = new Box(`node ${node.id}`, "node", node.name, outer);
      box.node = node.id;
      outer.children.push(box);
      return box;
    });
    for (const box of groups.values()) this.arrange(box);
    this.measure(this.root);
    this.openAtFirst();
  }

  /** Put what lies loose in a box that holds too much into parts: what comes before a layer, what after. */
  arrange(box) {
    const loose = box.children.filter((child) => child.kind === "node");
    if (loose.length <= MOST_SIDE_BY_SIDE) return;
    const groups = box.children.filter((child) => child.kind === "group");
    box.children = groups;
    if (!groups.length) {
      this.split(box, loose);
      return;
    }
    const levels = this.levels(loose, groups);
    for (const level of [...new Set(levels)].sort((a, b) => a - b)) {
      const title = level ? `after ${groups[level - 1].title}` : `before ${groups[0].title}`;
      const part = new Box(`${box.key} level ${level}`, "part", title, box);
      box.children.push(part);
      this.split(part, loose.filter((_, i) => levels[i] === level));
    }
  }

  /** For each loose box, the number of the last group beside it that it depends on; inputs go with their user. */
  levels(loose, groups) {
    const { nodes, users } = this.graph;
    const groupOf = new Map(groups.map((group, place) => [group.path, place + 1]));
    const level = new Map();
    const grouped = (id) => {
      for (let path = nodes[id].group; path; path = path.slice(0, Math.max(path.lastIndexOf("."), 0))) {
        if (groupOf.has(path)) return groupOf.get(path);
      }
      return 0;
    };
    const before = (id) => grouped(id) || (level.get(id) ?? 0);
    for (const { node: id } of loose) {
      if (nodes[id].kind === "op") level.set(id, Math.max(0, ...nodes[id].operands.map(before)));
    }
    for (const { node: id } of loose) {
      if (nodes[id].kind !== "op") {
        level.set(id, Math.min(...users[id].map(([user]) => (grouped(user) ? 0 : level.get(user) ?? 0))));
      }
    }
    return loose.map(({ node }) => level.get(node));
  }

  /** Share boxes out over parts, in order, so that no box holds more than can be looked at side by side. */
  split(box, children) {
    if (children.length <= MOST_SIDE_BY_SIDE) {
      for (const child of children) child.parent = box;
      box.children.push(...children);
      return;
    }
    const parts = Math.min(PARTS, Math.ceil(children.length / (MOST_SIDE_BY_SIDE / 2)));
    const size = Math.ceil(children.length / parts);
    for (let begin = 0; begin < children.length; begin += size) {
      const number = begin / size + 1;
      const part = new Box(`${box.key} part ${number}`, "part", `part ${number}`, box);
      box.children.push(part);
      this.split(part, children.slice(begin, begin + size));
    }
  }

  /** Count the nodes in each box, and find what leaves it. */
  measure(box) {
    const stack = [[box, false]];
    while (stack.length) {
      const [at, done] = stack.pop();
      if (at.kind === "node") {
        Object.assign(at, { count: 1, first: at.node, last: at.node });
      } else if (done) {
        at.children = at.children.filter((child) => child.count);
        at.count = at.children.reduce((sum, child) => sum + child.count, 0);
        at.first = Math.min(...at.children.map((child) => child.first));
        at.last = Math.max(...at.children.map((child) => child.last));
      } else {
        stack.push([at, true], ...at.children.map((child) => [child, false]));
      }
    }
  }

  /** Open level by level, as long as the picture stays easy to read; parts stay closed. */
  openAtFirst() {
    let level = [this.root];
    let shown = this.root.children.length;
    while (level.length) {
      const next = level.flatMap((box) => box.children).filter((box) => box.kind === "group");
      shown += next.reduce((sum, box) => sum + box.children.length - 1, 0);
      if (shown > MOST_OPEN_AT_FIRST) return;
      for (const box of next) box.open = true;
      level = next;
    }
  }

  /** The box in which a node is to be seen: its own, or the outermost closed one around it. */
  seen(id) {
    let found = this.boxes[id];
    for (let box = found.parent; box; box = box.parent) if (!box.open) found = box;
    return found;
  }

  /** Open everything around a node. */
  reveal(id) {
    let changed = false;
    for (let box = this.boxes[id].parent; box; box = box.parent) {
      if (!box.open) [box.open, changed] = [true, true];
    }
    return changed;
  }

  setAll(open) {
    const stack = [...this.root.children];
    while (stack.length) {
      const box = stack.pop();
      if (box.kind === "group" || box.kind === "part") {
        box.open = open;
        stack.push(...box.children);
      }
    }
  }

  get folds() {
    return this.root.children.some((box) => box.kind === "group" || box.kind === "part");
  }
}
