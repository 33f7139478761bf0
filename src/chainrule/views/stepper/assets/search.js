// Search: the nodes whose name, label or op holds what was typed, one after the other.

class Search {
  constructor(graph, act) {
    Object.assign(this, { graph, act, found: [], at: -1 });
    this.field = byId("search");
    this.status = byId("found");
    this.field.addEventListener("input", () => this.look());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.next(event.shiftKey ? -1 : 1);
      }
    });
  }

  look() {
    const wanted = this.field.value.trim().toLocaleLowerCase();
    const has = (words) => words.toLocaleLowerCase().includes(wanted);
    this.found = wanted ? this.graph.nodes.filter((node) => has(node.name) || has(node.label) || has(node.op)).map(({ id }) => id) : [];
    this.at = -1;
    say(this.status, wanted ? `${this.found.length || "none"} found` : "");
    if (this.found.length === 1) this.next(1); // of many, Enter leads to one after the other
  }

  next(step) {
    if (!this.found.length) return;
    this.at = (this.at + step + this.found.length) % this.found.length;
    say(this.status, `${this.at + 1} of ${this.found.length}`);
    this.act.reveal(this.found[this.at]);
  }
}
