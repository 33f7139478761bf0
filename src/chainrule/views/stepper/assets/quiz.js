// The quiz: one gradient is blanked everywhere, and the learner works it out from what is left.

class Quiz {
  constructor(graph, act) {
    Object.assign(this, { graph, act, hidden: null, hinted: false, asked: 0, right: 0, seed: 7 });
    this.box = byId("quiz");
    this.on = false;
  }

  toggle() {
    this.on = !this.on;
    this.box.hidden = !this.on;
    if (this.on) this.ask();
    else this.blank(null);
  }

  blank(id) {
    Object.assign(this, { hidden: id, hinted: false });
    this.act.blank(id);
  }

  /** The next question: any node with a finite gradient and not too many terms, the root aside. */
  ask() {
    const { grad } = this.graph.backward(this.graph.length);
    const fits = (node) => node.kind !== "constant" && node.id !== this.graph.root && Number.isFinite(grad[node.id] ?? NaN)
      && this.graph.users[node.id].length <= 4;
    const choice = this.graph.nodes.filter((node) => fits(node) && node.id !== this.hidden);
    if (!choice.length) {
      this.box.replaceChildren(h("h2", {}, "Quiz"), h("p", {}, "This graph has no gradient to ask for."));
      return;
    }
    this.seed = (this.seed * 1103515245 + 12345) % 2147483648;
    const node = choice[this.seed % choice.length];
    this.answer = grad[node.id];
    this.done = false;
    this.build(node);
    Object.assign(this, { hidden: node.id, hinted: false });
    this.act.reveal(node.id);
  }

  build(node) {
    const question = `${d(nameOf(this.graph.nodes[this.graph.root], 12))}/${d(nameOf(node))}`;
    this.field = h("input", { id: "guess", type: "text", inputmode: "decimal", autocomplete: "off" });
    this.verdict = h("p", { role: "status", class: "verdict" });
    const check = (event) => {
      event.preventDefault();
      this.check();
    };
    this.box.replaceChildren(
      h("h2", {}, "Quiz"),
      h("form", { onsubmit: check }, h("label", { for: "guess" }, `What is ${question}?`), this.field, h("button", {}, "Check")),
      h("p", { class: "choices" },
        h("button", { type: "button", onclick: () => this.hint() }, "Hint"),
        h("button", { type: "button", onclick: () => this.tell() }, "Show"),
        h("button", { type: "button", onclick: () => this.ask() }, "Next"),
        h("button", { type: "button", onclick: () => this.act.quiz() }, "End")),
      this.verdict,
    );
  }

  check() {
    const guess = parse(this.field.value);
    if (guess === null) {
      say(this.verdict, "Type a number, for example −0.5.");
      return;
    }
    if (Math.abs(guess - this.answer) <= 0.005 * Math.abs(this.answer) + 1e-12) this.finish(`Right: ${text(this.answer)}.`, 1);
    else say(this.verdict, `${text(guess)} is not it. ${guess === -this.answer ? "Look at the sign." : "Try again, or take the hint."}`);
  }

  hint() {
    const id = this.hidden ?? null;
    if (id === null) return;
    this.hinted = true;
    const { graph } = this;
    const slopes = graph.users[id].slice(0, 4).map(([user, slot]) => `${d(nameOf(graph.nodes[user], 14))}/${d(nameOf(graph.nodes[id], 14))} = ${text(graph.slopes[user][slot])}`);
    say(this.verdict, `The local derivative: ${slopes.join(", ")}. Times what its user received${slopes.length > 1 ? ", added up" : ""}.`);
    this.act.blank(id);
  }

  tell() {
    this.finish(`It is ${text(this.answer)}.`, 0);
  }

  finish(words, right) {
    if (!this.done) [this.asked, this.right, this.done] = [this.asked + 1, this.right + right, true];
    say(this.verdict, `${words} ${this.right} of ${this.asked} so far.`);
    this.blank(null);
  }
}
