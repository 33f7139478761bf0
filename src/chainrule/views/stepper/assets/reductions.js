// The rows of any number of operands, by hand: chainrule/ops/reductions.py says what and why.

const NARY = {
  sum: {
    value: (x) => x.reduce((total, each) => total + each),
    slopes: (x) => x.map(() => 1),
  },

  // all a, then all b, then, where their number is odd, what the sum starts with
  dot: {
    value(x) {
      const half = x.length >> 1;
      const start = x.length % 2;
      let total = start ? x[x.length - 1] : x[0] * x[half];
      for (let i = 1 - start; i < half; i += 1) total += x[i] * x[half + i];
      return total;
    },
    slopes(x) {
      const half = x.length >> 1;
      return [...x.slice(half, 2 * half), ...x.slice(0, half), ...(x.length % 2 ? [1] : [])];
    },
  },

  logsumexp: {
    value(x) {
      const largest = x.reduce((most, each) => (each > most || each !== each ? each : most));
      if (Math.abs(largest) === Infinity || largest !== largest) return largest;
      const place = x.indexOf(largest);
      const others = x.filter((_, i) => i !== place).map((each) => Math.exp(each - largest));
      return largest + Math.log1p(pairwiseSum(others));
    },
    slopes(x, y) {
      const shifted = x.map((each) => op_exp_difference(each, y));
      const total = pairwiseSum(shifted);
      return shifted.map((each) => (Math.abs(y) <= Number.MAX_VALUE ? each / total : each));
    },
  },
};

function pairwiseSum(terms) {
  while (terms.length > 1) {
    const pairs = [];
    for (let i = 0; i + 1 < terms.length; i += 2) pairs.push(terms[i] + terms[i + 1]);
    terms = terms.length % 2 ? [...pairs, terms[terms.length - 1]] : pairs;
  }
  return terms.length ? terms[0] : 0;
}
