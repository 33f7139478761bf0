// A layered layout of boxes: ranks along the arrows, few crossings, straight rows.
//
// The steps are those of Sugiyama, Tagawa and Toda (1981), as in chainrule/views/drawing/layout.py; here because a
// page lays out anew whenever a box is folded.

const GAP_ALONG = 66;
const GAP_AT_RIM = 30;
const GAP_ACROSS = 18;
const SWEEPS = 6;
const MOST_LANES = 3000;

/**
 * Place items of { width, height, first }, ports among them at their side of the rim, joined by arrows { tail, head, out, into }, where out and into say how
 * far from the middle of its item an arrow leaves and enters. Sets x, y (the middle) and column (half the width of its rank) on
 * the items and lanes (points on the way) on the arrows; returns the extent.
 */
function layOut(items, arrows) {
  const net = netOf(items, arrows);
  const rows = bestOrder(net, items.length);
  const across = settle(net, rows);
  return measure(net, rows, across, items, arrows);
}

function netOf(items, arrows) {
  const order = sorted(items, arrows);
  const rank = items.map(() => 0);
  const directed = arrows.map((arrow) => {
    const back = order[arrow.tail] > order[arrow.head];
    return back
      ? { arrow, back, tail: arrow.head, head: arrow.tail, out: arrow.into, into: arrow.out }
      : { arrow, back, tail: arrow.tail, head: arrow.head, out: arrow.out, into: arrow.into };
  });
  const heads = items.map(() => []);
  for (const { tail, head } of directed) heads[tail].push(head);
  // longest way to an end, so that leaves stand next to their users
  const places = [...items.keys()].sort((a, b) => order[b] - order[a]);
  for (const item of places) {
    if (items[item].side === "out") rank[item] = -1;
    for (const head of heads[item]) rank[item] = Math.max(rank[item], rank[head] + 1);
  }
  // ports that lead out stand alone at the end, ports that lead in at the beginning
  const first = Math.max(...rank.filter((_, item) => !items[item].port)) + 1;
  const shift = items.some(({ side }) => side === "out") ? 1 : 0;
  items.forEach(({ side }, item) => (rank[item] = (side === "in" ? first : rank[item]) + shift));

  const net = { rank, size: items.map(({ width, height }) => ({ width, height })), tails: [], heads: [], chains: [] };
  items.forEach(() => (net.tails.push([]), net.heads.push([])));
  for (const each of directed) net.chains.push(chain(net, each, items.length));
  return net;
}

/** An order in which tails come before heads wherever boxes do not depend on each other in a circle. */
function sorted(items, arrows) {
  const waiting = items.map(() => 0);
  const heads = items.map(() => []);
  for (const { tail, head } of arrows) {
    waiting[head] += 1;
    heads[tail].push(head);
  }
  const order = items.map(() => -1);
  const left = new Set([...items.keys()].sort((a, b) => items[a].first - items[b].first));
  let free = [...left].filter((item) => !waiting[item]);
  for (let place = 0; place < items.length; place += 1) {
    if (!free.length) free = [left.values().next().value];
    const item = free.pop();
    left.delete(item);
    order[item] = place;
    for (const head of heads[item]) {
      waiting[head] -= 1;
      if (!waiting[head] && left.has(head)) free.push(head);
    }
  }
  return order;
}

/** Join tail and head through a lane in each rank between them. */
function chain(net, { arrow, back, tail, head, out, into }, real) {
  const links = [];
  let [last, leave] = [tail, out];
  const room = net.rank[tail] - net.rank[head] - 1 + net.rank.length - real <= MOST_LANES;
  for (let rank = net.rank[tail] - 1; room && rank > net.rank[head]; rank -= 1) {
    const lane = net.rank.length;
    net.rank.push(rank);
    net.size.push({ width: 0, height: 4 });
    net.tails.push([{ other: last, near: 0, far: leave }]);
    net.heads.push([]);
    net.heads[last].push({ other: lane, near: leave, far: 0 });
    links.push(lane);
    [last, leave] = [lane, 0];
  }
  net.heads[last].push({ other: head, near: leave, far: into });
  net.tails[head].push({ other: last, near: into, far: leave });
  return { arrow, back, lanes: links };
}

function bestOrder(net, real) {
  let order = firstOrder(net, real);
  let best = order;
  let fewest = crossings(net, order);
  for (let sweep = 0; sweep < SWEEPS && fewest; sweep += 1) {
    order = swept(net, order, sweep % 2 === 0);
    const found = crossings(net, order);
    if (found < fewest) [best, fewest] = [order, found];
  }
  return best;
}

/** Depth first from the ends, operands in order: a tree has no crossing from the start. */
function firstOrder(net, real) {
  const rows = [];
  for (const rank of net.rank) while (rows.length <= rank) rows.push([]);
  const met = new Set();
  const stack = [];
  for (let item = real - 1; item >= 0; item -= 1) if (!net.heads[item].length) stack.push(item);
  while (stack.length) {
    const item = stack.pop();
    if (met.has(item)) continue;
    met.add(item);
    rows[net.rank[item]].push(item);
    for (let k = net.tails[item].length - 1; k >= 0; k -= 1) stack.push(net.tails[item][k].other);
  }
  return rows;
}

function swept(net, order, towardsRoot) {
  const rows = order.map((row) => [...row]);
  const near = towardsRoot ? net.tails : net.heads;
  const place = new Float64Array(net.rank.length);
  const ranks = [...rows.keys()];
  if (towardsRoot) ranks.reverse();
  for (const rank of ranks) {
    rows[rank].forEach((item, i) => {
      const links = near[item];
      // a port shifts its arrow a little within the place of its box
      const sum = links.reduce((total, { other, far }) => total + place[other] + far / 1e4, 0);
      place[item] = links.length ? sum / links.length : i;
    });
    rows[rank].sort((a, b) => place[a] - place[b]);
    rows[rank].forEach((item, i) => (place[item] = i));
  }
  return rows;
}

function crossings(net, rows) {
  const place = new Float64Array(net.rank.length);
  for (const row of rows) row.forEach((item, i) => (place[item] = i));
  let total = 0;
  for (const row of rows) {
    const ends = [];
    for (const item of row) {
      const here = net.heads[item].map(({ other, far }) => place[other] + far / 1e4).sort((a, b) => a - b);
      for (const end of here) total += ends.length - upper(ends, end);
      for (const end of here) ends.splice(upper(ends, end), 0, end);
    }
  }
  return total;
}

function upper(ascending, x) {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The place across of every item: near its neighbours, in order, nothing overlapping. */
function settle(net, rows) {
  const across = new Float64Array(net.rank.length);
  for (const row of rows) {
    let offset = 0;
    for (const item of row) {
      across[item] = offset + net.size[item].height / 2;
      offset += net.size[item].height + GAP_ACROSS;
    }
  }
  const both = net.tails.map((tails, item) => [...tails, ...net.heads[item]]);
  const down = [...rows.keys()];
  const up = [...down].reverse();
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const [near, ranks] of [[net.tails, up], [net.heads, down], [both, up]]) {
      for (const rank of ranks) settleRow(net, rows[rank], near, across);
    }
  }
  return across;
}

/**
 * Move one rank to where its neighbours pull it. With the distances taken off, places have only to ascend, and
 * the least squares solution is that of isotonic regression: pool adjacent violators (Ayer et al., 1955).
 */
function settleRow(net, row, near, across) {
  const pools = [];
  const offsets = [];
  let offset = 0;
  row.forEach((item, i) => {
    const half = net.size[item].height / 2;
    if (i) offset += half + GAP_ACROSS;
    offsets.push(offset);
    offset += half;
    let pool = { ...wish(net, near[item], across, item), count: 1 };
    pool.mean -= offsets[i];
    while (pools.length && pools[pools.length - 1].mean > pool.mean) {
      const other = pools.pop();
      const weight = pool.weight + other.weight;
      const mean = (pool.mean * pool.weight + other.mean * other.weight) / weight;
      pool = { mean, weight, count: pool.count + other.count };
    }
    pools.push(pool);
  });
  let i = 0;
  for (const { mean, count: many } of pools) {
    for (let k = 0; k < many; k += 1, i += 1) across[row[i]] = mean + offsets[i];
  }
}

function wish(net, links, across, item) {
  if (!links.length) return { mean: across[item], weight: 0.01 };
  let [total, weight] = [0, 0];
  const lane = (at) => (net.size[at].width ? 0 : 1);
  for (const { other, near, far } of links) {
    const pull = 1 + 3 * (lane(item) + lane(other)); // long arrows want to be straight
    total += pull * (across[other] + far - near);
    weight += pull;
  }
  return { mean: total / weight, weight };
}

function measure(net, rows, across, items, arrows) {
  const along = [];
  const rim = (rank) => rows[rank].some((item) => items[item]?.port);
  let total = 0;
  for (let rank = rows.length - 1; rank >= 0; rank -= 1) {
    const depth = Math.max(...rows[rank].map((item) => net.size[item].width));
    along[rank] = { middle: total + depth / 2, half: depth / 2 };
    total += depth;
    if (rank) total += rim(rank) || rim(rank - 1) ? GAP_AT_RIM : GAP_ALONG;
  }
  const tops = [...across].map((y, item) => y - net.size[item].height / 2);
  const low = Math.min(...tops);
  const high = Math.max(...[...across].map((y, item) => y + net.size[item].height / 2));
  items.forEach((item, i) => {
    const { middle, half } = along[net.rank[i]];
    Object.assign(item, { x: middle, y: across[i] - low, column: half });
  });
  for (const { arrow, back, lanes } of net.chains) {
    arrow.lanes = lanes.map((lane) => ({ ...along[net.rank[lane]], y: across[lane] - low }));
    arrow.back = back;
    if (back) arrow.lanes.reverse();
  }
  return { width: total, height: Math.max(high - low, 0) };
}
