// The elementary functions under the names of chainrule.ops.ieee: C's answers where JavaScript has others.

const ieee = {
  exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p, sqrt: Math.sqrt, fabs: Math.abs,
  sin: Math.sin, cos: Math.cos, tan: Math.tan, asin: Math.asin, acos: Math.acos, atan: Math.atan,
  atan2: Math.atan2, sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh, hypot: Math.hypot,
  divide: (a, b) => a / b,
  copysign: (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a)),

  // JavaScript makes 1 ** nan and (±1) ** ±inf nan, C makes them 1.
  pow(a, b) {
    if (a === 1 || (a === -1 && (b === Infinity || b === -Infinity))) return 1;
    return Math.pow(a, b);
  },

  // 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)): all terms have one sign, so nothing cancels (Kummer).
  erf(x) {
    if (!(Math.abs(x) < 2)) return x !== x ? x : Math.sign(x) * (1 - erfcOf(Math.abs(x)));
    let term = x, total = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n += 1) {
      term *= (2 * x * x) / (2 * n + 1);
      total += term;
    }
    return 1.1283791670955126 * Math.exp(-x * x) * total;
  },

  erfc(x) {
    if (x !== x) return x;
    return x < 0.5 ? 1 - ieee.erf(x) : erfcOf(x);
  },
};

// For x ≥ ½: the trapezoidal rule with step ½ on ∫ x·e^(−t²) / (x² + t²) dt, and the residue it misses
// (Chiarella and Reichl, Mathematics of Computation 22, 1968); what is left out is below e^(−4π²).
function erfcOf(x) {
  if (x > 28) return 0; // below the smallest float
  const square = x * x;
  let total = 0.5 / square;
  for (let n = 1; n <= 13; n += 1) total += Math.exp(-0.25 * n * n) / (0.25 * n * n + square);
  const residue = x < 6 ? 2 / (1 - Math.exp(4 * Math.PI * x)) : 0;
  // x·x would round digits away that e^(−x²) shows again: the square of 24 bits is exact, the rest is small
  const high = Math.fround(x);
  const bell = Math.exp(-high * high) * Math.exp((high - x) * (high + x));
  return (x / Math.PI) * bell * total + residue;
}
