// Numbers, names and sentences: what each step says.

const DIGITS = 4;

/** A number as people write it: 6, −0.7071, 1.5e−7; the sign is a minus. */
function text(number) {
  if (number === null) return "not computed yet";
  if (Number.isNaN(number)) return "nan";
  if (!Number.isFinite(number)) return number > 0 ? "inf" : "−inf";
  if (number === 0) return "0";
  const size = Math.abs(number);
  let digits;
  if (size >= 1e-4 && size < 10 ** (DIGITS + 2)) {
    const whole = size >= 1 ? Math.floor(Math.log10(size)) + 1 : 0;
    digits = whole ? size.toFixed(Math.max(DIGITS - whole, 0)) : plain(size.toPrecision(DIGITS));
    if (digits.includes(".")) digits = digits.replace(/\.?0+$/, "");
  } else {
    const [mantissa, exponent] = size.toExponential(DIGITS - 1).split("e");
    const tidy = mantissa.replace(/\.?0+$/, "");
    digits = `${tidy}e${exponent.replace("+", "").replace("-", "−")}`;
  }
  return (number < 0 ? "−" : "") + digits;
}

function plain(precise) {
  return precise.includes("e") ? String(Number(precise)) : precise;
}

/** A number as a factor: negative ones in brackets. */
function factor(number) {
  return number !== null && number < 0 ? `(${text(number)})` : text(number);
}

/** A text cut to so many characters, whole characters (an emoji is two units). */
function cut(name, most) {
  const letters = [...name];
  return letters.length <= most ? name : `${letters.slice(0, most - 1).join("")}…`;
}

function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

const INFIX = { add: "+", subtract: "−", multiply: "×", divide: "÷" };
const CALLED = { negative: "−", absolute: "abs" };

/** What stands for an op in its box. */
function symbolOf(node) {
  if (node.kind === "constant") return "";
  if (node.kind === "leaf") return "";
  if (node.exponent !== null && node.exponent !== undefined) return `^${text(numberOf(node.exponent))}`;
  if (INFIX[node.op]) return INFIX[node.op];
  return { power: "^", negative: "−", sum: "Σ", dot: "Σ×" }[node.op] ?? cut(node.symbol || "op", 10);
}

/** An op applied to operands that are given as texts: "2 × −3", "tanh(0.88)". */
function application(node, operands) {
  const [a, b] = operands;
  const powered = node.exponent !== null && node.exponent !== undefined;
  if (powered) return `${bracketed(a)}^${text(numberOf(node.exponent))}`;
  if (node.op === "power") return `${bracketed(a)}^${b}`;
  if (INFIX[node.op]) return `${whole(a)} ${INFIX[node.op]} ${whole(b)}`;
  if (node.op === "negative") return `−${bracketed(a)}`;
  if (node.op === "sum") return listed(operands, " + ");
  if (node.op === "dot") return listed(products(operands), " + ");
  return `${CALLED[node.op] ?? (node.op === "custom" ? node.symbol || "op" : node.op)}(${listed(operands, ", ")})`;
}

function bracketed(operand) {
  return /^[\p{L}\d_.]+$/u.test(operand) ? operand : `(${operand})`;
}

/** An operand of + − × ÷ that is itself several words, as the name "e - 1" is, in brackets. */
function whole(operand) {
  return / [-+*/] /.test(operand) ? `(${operand})` : operand;
}

function products(operands) {
  const half = operands.length >> 1;
  const start = operands.length % 2 ? [operands[operands.length - 1]] : [];
  return [...operands.slice(0, half).map((left, i) => `${whole(left)} × ${whole(operands[half + i])}`), ...start];
}

function listed(parts, join, most = 6) {
  if (parts.length <= most) return parts.join(join);
  return `${parts.slice(0, most - 1).join(join)}${join}… (${count(parts.length - most + 1, "more")
    .replace(/s$/, "")})`;
}

/** The name of a node inside a sentence; of a long path the end is kept, and among its own neuron only its own name. */
function nameOf(node, most = 28, group = "") {
  const name = plainName(node, most, group);
  return RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name; // isolated, or it would turn the sentence around
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u;

function plainName(node, most, group) {
  if (node.kind === "constant") return text(numberOf(node.data));
  const name = group && node.group === group ? shortName(node) : node.name;
  const parts = name.split(".");
  if ([...name].length <= most || parts.length < 3 || !node.group) return cut(name, most);
  while (parts.length > 2 && parts.join(".").length > most - 1) parts.shift();
  return cut(`…${parts.join(".")}`, most);
}

/** A node's name without that of the neuron it belongs to. */
function shortName(node) {
  return node.group && node.name.startsWith(`${node.group}.`) ? node.name.slice(node.group.length + 1) : node.name;
}

/** What made a node, for people: "a × b", "given", "a number in the program". */
function origin(node, nodes) {
  if (node.kind === "leaf") return "leaf";
  if (node.kind === "constant") return "constant";
  if (node.missing) return `${node.op || node.symbol} of nodes that are left out here`;
  return application(node, node.operands.map((id) => nameOf(nodes[id], 16, node.group)));
}

/** The differential of a node: ∂a, ∂(a + b). */
function d(name) {
  return /^[\p{L}\p{M}\p{N}_.…#[\]']+$/u.test(name) ? `∂${name}` : `∂(${name})`;
}

/** What a step did: a sentence, and for a backward step a line for each gradient that grew. */
function story(view) {
  const { graph, position } = view;
  const { kind, node: id } = graph.step(position);
  if (kind === "start") {
    return graph.ops.length
      ? { said: "Nothing is computed yet: only the leaves have their numbers.", lines: [] }
      : { said: "This graph is one leaf: there is nothing to compute.", lines: [] };
  }
  const node = graph.nodes[id];
  const name = nameOf(node);
  if (kind === "forward") return forwardSentence(graph, node, name);
  if (kind === "seed") {
    const said = `Backward begins at ${name}. It changes as much as itself, so ${d(name)}/${d(name)} = 1.`;
    return { said, lines: [] };
  }
  const given = [...new Set(node.operands)].filter((operand) => graph.nodes[operand].kind !== "constant");
  if (node.missing) return { said: `${name} was made from nodes that are left out here.`, lines: [] };
  if (!given.length) return { said: `${name} was made from constants only: nothing to pass on.`, lines: [] };
  const told = given.slice(0, MOST_RECEIPTS).map((operand) => receipt(view, node, operand));
  if (given.length > MOST_RECEIPTS) told.push(`… and so to ${given.length - MOST_RECEIPTS} more operands`);
  const said = `${name} has gradient ${view.gradText(id)} and passes it on, times each local derivative.`;
  return { said, lines: told };
}

const MOST_RECEIPTS = 8;

function forwardSentence(graph, node, name) {
  const names = node.operands.map((id) => nameOf(graph.nodes[id], 16, node.group));
  const plain = node.operands.length === 1;
  const numbers = node.operands.map((id, i) => (i && !plain ? factor(graph.data[id]) : text(graph.data[id])));
  const formula = application(node, names);
  const result = text(graph.data[node.id]);
  if (!graph.rules[node.id]) return { said: `${name} = ${result}, as Python computed it.`, lines: [] };
  const applied = application(node, numbers);
  const bare = (words) => words.replaceAll(/[\s*×÷/()−-]/gu, "");
  const named = bare(name) === bare(formula);
  const stages = [named ? "" : name, formula, applied, result].filter(Boolean);
  const said = stages.join(" = ");
  if (said.length <= 44) return { said, lines: [] };
  return { said: `${stages.slice(0, -2).join(" = ")}`, more: [`= ${applied}`, `= ${result}`], lines: [] };
}

/** How one operand's gradient grows: "a.grad += −3 × 1 = −3, now 4". */
function receipt(view, node, id) {
  const { graph } = view;
  const to = nameOf(graph.nodes[id], 20, node.group);
  const slopes = node.operands.flatMap((operand, slot) => (operand === id ? [graph.slopes[node.id][slot]] : []));
  if (slopes.includes(null)) return `${to}.grad += what only the program’s own _backward knows`;
  if (id === view.hidden && !view.hinted) return `${to}.grad += ?`;
  const grad = view.grad[node.id];
  const all = slopes.map((slope) => `${text(slope)} × ${view.factorText(node.id)}`).join(" + ");
  if (id === view.hidden || node.id === view.hidden || grad === null) return `${to}.grad += ${all}`;
  const total = slopes.reduce((sum, slope) => sum + slope * grad, 0);
  const now = view.grad[id];
  const sum = now !== null && Math.abs(now - total) > 1e-12 * Math.abs(total) ? `, now ${text(now)}` : "";
  const left = graph.users[id].length - view.arrived[id];
  return `${to}.grad += ${all} = ${text(total)}${sum}${left ? `, ${left} more to come` : ""}`;
}
