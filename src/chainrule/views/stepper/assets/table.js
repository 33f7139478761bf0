// The table: the same numbers as the picture, a row for each node in the order of computation.

const ROWS_ON_A_PAGE = 100;

class Table {
  constructor(graph, act) {
    Object.assign(this, { graph, act, page: 0 });
    this.body = byId("rows");
    this.pages = Math.max(Math.ceil(graph.nodes.length / ROWS_ON_A_PAGE), 1);
    byId("earlier").addEventListener("click", () => this.turn(this.page - 1));
    byId("later").addEventListener("click", () => this.turn(this.page + 1));
    byId("pager").hidden = this.pages === 1;
  }

  turn(page) {
    this.page = Math.min(Math.max(page, 0), this.pages - 1);
    this.paint(this.view);
  }

  show(id) {
    this.page = Math.floor(id / ROWS_ON_A_PAGE);
  }

  paint(view) {
    this.view = view;
    if (byId("sheet").hidden) return;
    const begin = this.page * ROWS_ON_A_PAGE;
    const nodes = this.graph.nodes.slice(begin, begin + ROWS_ON_A_PAGE);
    const focused = document.activeElement?.dataset?.row;
    this.body.replaceChildren(...nodes.map((node) => this.row(node)));
    if (focused !== undefined) this.body.querySelector(`[data-row="${focused}"]`)?.focus();
    say(byId("page-of"), `Nodes ${begin} to ${begin + nodes.length - 1} of ${this.graph.nodes.length.toLocaleString("en")}`);
    byId("earlier").disabled = this.page === 0;
    byId("later").disabled = this.page === this.pages - 1;
  }

  row(node) {
    const { view } = this;
    const choose = h("button", { type: "button", class: "plain", "data-row": node.id, onclick: () => this.act.select(node.id) }, isolated(cut(node.name, 40)));
    const classes = [node.id === view.current ? "current" : "", node.id === view.selected ? "selected" : ""].join(" ");
    return h("tr", { class: classes, "aria-current": node.id === view.current ? "step" : null },
      h("td", { class: "number" }, String(node.id)),
      h("th", { scope: "row" }, choose),
      h("td", {}, isolated(origin(node, this.graph.nodes))),
      h("td", { class: "number" }, text(view.values[node.id])),
      h("td", { class: "number" }, node.kind === "constant" ? "none" : view.gradText(node.id)));
  }
}
