// The controls: play, step, scrub, fold, zoom, views, and the keys for all of these.

class Controls {
  constructor(page) {
    this.page = page;
    page.controls = this;
    this.slider = byId("position");
    this.slider.max = page.length;
    byId("scrub").style.setProperty("--split", `${(100 * (page.graph.ops.length + 0.5)) / page.length}%`);
    this.slider.addEventListener("input", () => {
      this.stop();
      page.go(this.slider.valueAsNumber);
    });
    const presses = {
      first: () => this.go(0),
      back: () => this.go(page.position - 1),
      play: () => this.toggle(),
      next: () => this.go(page.position + 1),
      last: () => this.go(page.length),
      closer: () => page.scene.zoom(page.scene.scale * 1.25),
      farther: () => page.scene.zoom(page.scene.scale / 1.25),
      fit: () => page.scene.fit(),
      "quiz-toggle": () => page.toggleQuiz(),
      "as-graph": () => this.show("graph"),
      "as-table": () => this.show("table"),
      "fold-all": () => this.foldAll(false),
      "open-all": () => this.foldAll(true),
    };
    for (const [id, press] of Object.entries(presses)) byId(id).addEventListener("click", press);
    byId("folding").hidden = !page.tree.folds;
    document.addEventListener("keydown", (event) => this.key(event));
  }

  go(position) {
    this.stop();
    this.page.go(position);
  }

  toggle() {
    if (this.page.timer) this.stop();
    else this.play();
  }

  play() {
    const { page } = this;
    if (page.position === page.length) page.go(0);
    const tick = () => {
      page.go(page.position + 1);
      if (page.position === page.length) this.stop();
      else page.timer = setTimeout(tick, SPEEDS[byId("speed").value]);
    };
    page.timer = setTimeout(tick, SPEEDS[byId("speed").value] / 2);
    this.mark();
  }

  stop() {
    clearTimeout(this.page.timer);
    this.page.timer = null;
    this.mark();
  }

  mark() {
    const playing = this.page.timer !== null;
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    byId("play").classList.toggle("playing", playing);
    // while it plays, each step would interrupt the words of the one before
    byId("story").setAttribute("aria-live", playing ? "off" : "polite");
  }

  show(which) {
    const table = which === "table";
    byId("picture").hidden = table;
    byId("sheet").hidden = !table;
    byId("as-graph").setAttribute("aria-pressed", String(!table));
    byId("as-table").setAttribute("aria-pressed", String(table));
    this.page.paint();
  }

  foldAll(open) {
    const { tree } = this.page;
    const before = tree.root.children;
    if (open && this.page.graph.nodes.length > MOST_OPENED_AT_ONCE) {
      for (const box of before) box.open = box.kind === "group" || box.open;
    } else {
      tree.setAll(open);
    }
    this.page.redraw();
    this.page.scene.fit(0.4);
  }

  paint(view) {
    this.slider.value = view.position;
    this.slider.setAttribute("aria-valuetext", phaseOf(this.page.graph, view.position));
    say(byId("place"), `${view.position} / ${this.page.length}`);
  }

  key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || isTextField(target)) return;
    if (event.shiftKey) {
      if (MOVES[key]) this.move(event, ...MOVES[key]);
      return;
    }
    const steps = { ArrowLeft: this.page.position - 1, ArrowRight: this.page.position + 1, Home: 0, End: this.page.length };
    const pressable = target.closest("button, summary, select, a");
    if (key in steps) this.go(steps[key]);
    else if (key === " " && !pressable) this.toggle();
    else if (key === "Enter" && target.closest("[data-box]")) this.page.scene.activate(target.closest("[data-box]"));
    else if (key === "/") byId("search").focus();
    else return;
    event.preventDefault();
  }

  /** Move the focus from box to box; from elsewhere, into the picture. */
  move(event, dx, dy) {
    event.preventDefault();
    const { scene } = this.page;
    if (byId("picture").hidden) return;
    const here = document.activeElement?.closest("[data-box]");
    const there = here ? scene.neighbour(here, dx, dy) : scene.element(scene.focus);
    there?.focus();
  }
}

const MOST_OPENED_AT_ONCE = 1500;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function isTextField(element) {
  const texts = ["text", "search", "number", "email", "url", "tel", "password"];
  return element.isContentEditable || element.tagName === "TEXTAREA" || (element.tagName === "INPUT" && texts.includes(element.type));
}
