// The panel: what this step did, and the chosen node's formula, with its numbers, its input, its nudge.

const MOST_TERMS = 6;
const MOST_IN_SYMBOLS = 3;

class Panel {
  constructor(graph, scene, act) {
    Object.assign(this, { graph, scene, act, shown: null });
    this.card = byId("node");
  }

  paint(view) {
    this.view = view;
    say(byId("phase"), phaseOf(this.graph, view.position));
    this.tell(story(view));
    if (this.shown !== view.selected) this.build(view.selected);
    this.refresh();
    this.notice();
  }

  /** Replace the step's words at once, so that a screen reader speaks them once. */
  tell({ said, more = [], lines }) {
    const key = [said, ...more, ...lines].join("\n");
    if (key === this.told) return;
    this.told = key;
    const list = lines.length ? h("ul", { class: "ledger" }, ...lines.map((line) => h("li", {}, line))) : "";
    byId("story").replaceChildren(...[said, ...more].map((words) => h("p", {}, words)), ...(list ? [list] : []));
  }

  /** What is the same for one node at every step. */
  build(id) {
    this.shown = id;
    const { graph } = this;
    const node = graph.nodes[id];
    const rule = this.rule(node);
    this.formula = h("div", { class: "formula" });
    this.data = h("dd", { class: "number" });
    this.answer = h("p", { class: "answer", role: "status" });
    const name = h("h2", { class: "node-name" }, isolated(cut(node.name, 60)));
    const origins = h("p", { class: "origin" }, origin(node, graph.nodes));
    const parts = [name, origins];
    if (node.label && node.label !== node.name) parts.push(h("p", { class: "label-text", tabindex: "0" }, isolated(node.label)));
    parts.push(this.value(node), this.formula);
    if (rule) parts.push(rule);
    if (inPieces(node)) {
      this.pieces = h("button", { type: "button", onclick: () => this.act.apart(id) });
      parts.push(this.pieces);
    }
    if (node.kind !== "constant" && graph.ops.length) parts.push(this.nudge(node));
    if (node.line) {
      const { file, line, text: code } = node.line;
      parts.push(h("div", { class: "line" }, h("h3", {}, "Recorded at"), h("p", {}, `${file}:${line}`), h("pre", { tabindex: "0" }, h("code", {}, code))));
    }
    this.card.replaceChildren(...parts);
  }

  /** The node's number: an input for a leaf, text for the rest. */
  value(node) {
    const why = this.graph.fixed(node.id);
    if (node.kind === "op" || why) {
      const note = node.kind === "op" ? null : h("p", { class: "note" }, `Cannot be changed here: ${why}.`);
      return h("div", { class: "value-row" }, h("dl", {}, h("dt", {}, "value"), this.data), note);
    }
    this.input = h("input", { id: "leaf", type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false",
      "aria-describedby": "leaf-help", oninput: () => this.edit(node.id), onblur: () => this.refresh() });
    return h("div", { class: "value-row" },
      h("label", { for: "leaf" }, "value"), this.input,
      h("p", { id: "leaf-help", class: "note" }, "Change it: every value and gradient follows."));
  }

  edit(id) {
    const number = parse(this.input.value);
    this.input.setAttribute("aria-invalid", String(number === null));
    say(byId("leaf-help"), number === null ? "This is not a number." : "Change it: every value and gradient follows.");
    if (number !== null) this.act.set(id, number);
  }

  rule(node) {
    const row = RULES[node.op];
    if (!row) return null;
    const letters = row.arity === null ? "" : `with ${[..."abc"].slice(0, node.operands.length)
      .map((letter, i) => `${letter} = ${nameOf(this.graph.nodes[node.operands[i]], 14, node.group)}`).join(", ")}`;
    return h("details", { class: "rule" }, h("summary", {}, `The rule of ${node.op.replaceAll("_", " ")}`),
      h("p", {}, `y = ${row.formula}`), ...row.slopes.map((slope, i) => h("p", {}, `∂y/∂${row.arity === null ? "aᵢ" : "abc"[i]} = ${slope}`)),
      h("p", { class: "note" }, letters));
  }

  nudge(node) {
    const why = this.graph.obstacle(node.id);
    if (why) return h("p", { class: "note" }, `Cannot be nudged: ${why}.`);
    const root = nameOf(this.graph.nodes[this.graph.root], 12);
    const size = h("input", { id: "nudge-size", type: "text", inputmode: "decimal", value: "0.001", autocomplete: "off" });
    const button = h("button", { type: "button", onclick: () => this.tryNudge(node.id, size, root) }, "Nudge");
    return h("div", { class: "nudge" }, h("label", { for: "nudge-size" }, "Move it by"), size, button, this.answer);
  }

  tryNudge(id, size, root) {
    const step = parse(size.value);
    size.setAttribute("aria-invalid", String(step === null));
    if (step === null) {
      this.answer.replaceChildren("The step is not a number.");
      return;
    }
    if (id === this.view.hidden) {
      this.answer.replaceChildren("Not while its gradient is the question.");
      return;
    }
    const { predicted, actual } = this.graph.nudge(id, step);
    const rows = [["predicted", `gradient × ${text(step)} = ${text6(predicted)}`], ["actual", text6(actual)]];
    this.answer.replaceChildren(`${root} changes by`, ...rows.flatMap(([word, number]) => [h("br"), h("span", { class: "word" }, word), " ", h("span", { class: "number" }, number)]));
  }

  /** What changes from step to step. */
  refresh() {
    const { view } = this;
    const node = this.graph.nodes[view.selected];
    say(this.data, text(view.values[node.id]));
    if (this.input?.isConnected && document.activeElement !== this.input) {
      this.input.value = String(this.graph.data[node.id]).replace("Infinity", "inf").replace("NaN", "nan");
      this.input.setAttribute("aria-invalid", "false");
    }
    if (this.pieces) say(this.pieces, this.act.isApart(node.id) ? "As one box" : "As products and sums");
    this.formula.replaceChildren(...this.formulaLines(node).flat());
  }

  formulaLines(node) {
    const { graph, view } = this;
    const whole = d(nameOf(graph.nodes[graph.root], 12));
    const name = (id) => d(nameOf(graph.nodes[id], 14, node.group));
    const head = fraction(whole, name(node.id));
    const line = (left, ...right) => [h("span", { class: "left" }, left), h("span", { class: "right" }, ...right)];
    if (node.kind === "constant") return [h("p", { class: "note" }, "A constant receives no gradient.")];
    const terms = graph.users[node.id].filter(([user]) => view.passed(user));
    terms.sort(([a, i], [b, j]) => b - a || i - j);
    const waiting = graph.users[node.id].length - terms.length;
    if (node.id === graph.root && view.grad[node.id] !== null) return [line(head, "= 1")];
    if (!terms.length) return [line(head, h("span", { class: "note" }, "not computed yet"))];
    const few = this.largest(terms);
    const symbols = few.map(([user, slot]) => [fraction(name(user), `${name(node.id)}${this.twin(user, slot)}`), " × ", fraction(whole, name(user))]);
    const more = terms.length > few.length ? ` + … (${count(terms.length - few.length, "more term")})` : "";
    const later = waiting ? h("span", { class: "note" }, ` + ${count(waiting, "term")} to come`) : "";
    const total = node.id === view.hidden ? "?" : text(view.grad[node.id]);
    const numbers = few.flatMap(([user, slot], i) => [i ? " + " : "", this.term(node, user, slot)]);
    const sums = symbols.flatMap((product, i) => [i ? " + " : "", h("span", {}, ...product)]);
    const general = ["Σ ", fraction("∂user", name(node.id)), " × ", fraction(whole, "∂user"), h("span", { class: "note" }, ` over ${count(terms.length, "user")}`)];
    return [line(head, "= ", ...(terms.length > MOST_IN_SYMBOLS ? general : sums)), line("", "= ", ...numbers, more, later),
      line("", h("strong", {}, `= ${total}`), waiting ? h("span", { class: "note" }, " so far") : "")];
  }

  /** A small number where a node is an operand of one user more than once, as in b = a + a. */
  twin(user, slot) {
    const { operands } = this.graph.nodes[user];
    const same = operands.flatMap((id, place) => (id === operands[slot] ? [place] : []));
    return same.length < 2 ? "" : [...String(same.indexOf(slot) + 1)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
  }

  largest(terms) {
    if (terms.length <= MOST_TERMS) return terms;
    const size = ([user, slot]) => Math.abs(this.graph.slopes[user][slot] * this.view.grad[user]);
    const chosen = new Set([...terms].sort((a, b) => size(b) - size(a)).slice(0, MOST_TERMS));
    return terms.filter((term) => chosen.has(term));
  }

  /** One term: pointing at it lights its edge, pressing it leads to the node that it comes from. */
  term(node, user, slot) {
    const slope = this.graph.slopes[user][slot];
    const point = (on) => () => this.scene.point(user, slot, on);
    const hide = node.id === this.view.hidden && !this.view.hinted;
    const local = slope === null || hide ? "?" : text(slope);
    return h("button", { type: "button", class: "term", "aria-label": `${local} times ${this.view.gradText(user)}, from ${this.graph.nodes[user].name}`,
      onmouseenter: point(true), onmouseleave: point(false), onfocus: point(true), onblur: point(false),
      onclick: () => this.act.select(user) }, `${local} × ${this.view.factorText(user)}`);
  }

  notice() {
    const { graph } = this;
    const box = byId("notice");
    const key = graph.edited ? "edited" : this.disagreement();
    if (key === this.noticed) return;
    this.noticed = key;
    box.hidden = !key;
    if (graph.edited) {
      box.replaceChildren("You changed a number. ", h("button", { type: "button", onclick: () => this.act.restore() }, "Back to Python’s numbers"));
    } else {
      box.replaceChildren(key);
    }
  }

  /** Where Python's gradients are not those of one backward pass: why, once for the page. */
  disagreement() {
    if (this.disagreed === undefined) this.disagreed = disagreementWords(this.graph);
    return this.disagreed;
  }
}

function disagreementWords(graph) {
  const found = graph.trace.truncated ? null : graph.disagreement();
  if (!found) return "";
  const name = nameOf(graph.nodes[found.id]);
  if (found.kind === "stale") {
    return `A leaf was changed after the forward pass: computed anew, ${name} would be ${text(found.now)}. `
      + "The numbers here are those of the pass.";
  }
  return `In Python ${name}.grad is ${text(found.held)}; one backward pass from here gives ${text(found.once)}. `
    + "backward() ran more than once without zero_grad(), or from another root.";
}

function phaseOf(graph, position) {
  const { kind, at, of } = graph.step(position);
  if (kind === "start") return "Start";
  const done = position === graph.length ? " · done" : "";
  return `${kind === "forward" ? "Forward" : "Backward"} · step ${at} of ${of}${done}`;
}

/** A derivative as people write it by hand, one above the other; read aloud and copied, "∂L/∂a". */
function fraction(over, under) {
  return h("span", { class: "fraction" }, h("span", {}, over), h("span", { class: "slash" }, "/"), h("span", {}, under));
}

/** The number that a person typed, null when it is none. */
function parse(typed) {
  const tidy = typed.trim().replaceAll("−", "-").replace(",", ".");
  const special = { nan: NaN, inf: Infinity, "+inf": Infinity, "-inf": -Infinity }[tidy.toLowerCase()];
  if (special !== undefined) return special;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(tidy) ? Number(tidy) : null;
}

/** With more digits, where two numbers are to be compared. */
function text6(number) {
  return Number.isFinite(number) ? String(Number(number.toPrecision(7))).replaceAll("-", "−") : text(number);
}
