/* The GPT's training step by hand: one layer, RMSNorm, causal attention in four heads, ReLU, Adam; one document.
 *
 * Weights come as in the model, a row for each output. A step first turns them, so that the loops over outputs run
 * over neighbours, and sums their gradients the same way round. */

#include <math.h>
#include <string.h>

enum { WIDTH = 16, HEADS = 4, PART = WIDTH / HEADS, WIDE = 4 * WIDTH, BLOCK = 16, TOKENS = 27, PADDED = 32 };

static const double BETA1 = 0.85, BETA2 = 0.99, EPS = 1e-8;

struct weights {
    double token[TOKENS][WIDTH], position[BLOCK][WIDTH];
    double query[WIDTH][WIDTH], key[WIDTH][WIDTH], value[WIDTH][WIDTH], attended[WIDTH][WIDTH];
    double widen[WIDE][WIDTH], narrow[WIDTH][WIDE], head[TOKENS][WIDTH];
};

enum { PARAMETERS = sizeof(struct weights) / sizeof(double) };

/* A matrix turned: row i holds what input i is multiplied with for each output (outputs padded with zeros). */
struct turned {
    double query[WIDTH][WIDTH], key[WIDTH][WIDTH], value[WIDTH][WIDTH], attended[WIDTH][WIDTH];
    double widen[WIDTH][WIDE], narrow[WIDE][WIDTH], head[WIDTH][PADDED];
};

static inline void turn(int outputs, int inputs, int padded, const double *w, double *t)
{
    for (int i = 0; i < inputs; i++)
        for (int r = 0; r < outputs; r++)
            t[i * padded + r] = w[r * inputs + i];
}

static inline void turn_back(int outputs, int inputs, int padded, const double *t, double *w)
{
    for (int r = 0; r < outputs; r++)
        for (int i = 0; i < inputs; i++)
            w[r * inputs + i] = t[i * padded + r];
}

/* y = W x */
static inline void times(int outputs, int inputs, const double *restrict t, const double *restrict x,
                         double *restrict y)
{
    for (int r = 0; r < outputs; r++)
        y[r] = 0;
    for (int i = 0; i < inputs; i++)
        for (int r = 0; r < outputs; r++)
            y[r] += x[i] * t[i * outputs + r];
}

/* Adds the gradient of y = W x to that of W, and of x. */
static inline void times_back(int outputs, int inputs, const double *restrict t, const double *restrict x,
                              const double *restrict to_y, double *restrict to_t, double *restrict to_x)
{
    for (int i = 0; i < inputs; i++) {
        double total = 0;
        for (int r = 0; r < outputs; r++) {
            to_t[i * outputs + r] += x[i] * to_y[r];
            total += t[i * outputs + r] * to_y[r];
        }
        to_x[i] += total;
    }
}

static inline double normalise(const double *x, double *y)
{
    double squares = 0;
    for (int i = 0; i < WIDTH; i++)
        squares += x[i] * x[i];
    double scale = 1 / sqrt(squares / WIDTH + 1e-5);
    for (int i = 0; i < WIDTH; i++)
        y[i] = x[i] * scale;
    return scale;
}

/* Adds the gradient of y = scale(x) x to that of x. */
static inline void normalise_back(const double *x, double scale, const double *to_y, double *to_x)
{
    double along = 0;
    for (int i = 0; i < WIDTH; i++)
        along += to_y[i] * x[i];
    along *= scale * scale * scale / WIDTH;
    for (int i = 0; i < WIDTH; i++)
        to_x[i] += scale * to_y[i] - along * x[i];
}

/* The mean negative log likelihood of a document of `length` + 1 tokens, and its gradient. */
double gradient(const struct weights *w, const int *tokens, int length, struct weights *grad)
{
    static struct turned t, to_t;
    double sum[BLOCK][WIDTH], x[BLOCK][WIDTH], normal[BLOCK][WIDTH], query[BLOCK][WIDTH], key[BLOCK][WIDTH],
        value[BLOCK][WIDTH], share[BLOCK][HEADS][BLOCK], attention[BLOCK][WIDTH], middle[BLOCK][WIDTH],
        second[BLOCK][WIDTH], wide[BLOCK][WIDE], last[BLOCK][WIDTH], chance[BLOCK][PADDED];
    double scale[BLOCK], normal_scale[BLOCK], second_scale[BLOCK];
    double to_x[BLOCK][WIDTH], to_query[BLOCK][WIDTH], to_key[BLOCK][WIDTH], to_value[BLOCK][WIDTH];
    double loss = 0;

    turn(WIDTH, WIDTH, WIDTH, w->query[0], t.query[0]);
    turn(WIDTH, WIDTH, WIDTH, w->key[0], t.key[0]);
    turn(WIDTH, WIDTH, WIDTH, w->value[0], t.value[0]);
    turn(WIDTH, WIDTH, WIDTH, w->attended[0], t.attended[0]);
    turn(WIDE, WIDTH, WIDE, w->widen[0], t.widen[0]);
    turn(WIDTH, WIDE, WIDTH, w->narrow[0], t.narrow[0]);
    turn(TOKENS, WIDTH, PADDED, w->head[0], t.head[0]);
    memset(&to_t, 0, sizeof to_t);
    memset(grad, 0, sizeof *grad);
    memset(to_key, 0, sizeof to_key);
    memset(to_value, 0, sizeof to_value);

    for (int n = 0; n < length; n++) {
        for (int i = 0; i < WIDTH; i++)
            sum[n][i] = w->token[tokens[n]][i] + w->position[n][i];
        scale[n] = normalise(sum[n], x[n]);
        normal_scale[n] = normalise(x[n], normal[n]);
        times(WIDTH, WIDTH, t.query[0], normal[n], query[n]);
        times(WIDTH, WIDTH, t.key[0], normal[n], key[n]);
        times(WIDTH, WIDTH, t.value[0], normal[n], value[n]);
        for (int h = 0; h < HEADS; h++) {
            double *p = share[n][h], largest = -INFINITY, total = 0;
            for (int m = 0; m <= n; m++) {
                p[m] = 0;
                for (int i = h * PART; i < (h + 1) * PART; i++)
                    p[m] += query[n][i] * key[m][i];
                p[m] /= 2; /* the root of PART */
                largest = p[m] > largest ? p[m] : largest;
            }
            for (int m = 0; m <= n; m++)
                total += p[m] = exp(p[m] - largest);
            for (int m = 0; m <= n; m++)
                p[m] /= total;
            for (int i = h * PART; i < (h + 1) * PART; i++) {
                attention[n][i] = 0;
                for (int m = 0; m <= n; m++)
                    attention[n][i] += p[m] * value[m][i];
            }
        }
        times(WIDTH, WIDTH, t.attended[0], attention[n], middle[n]);
        for (int i = 0; i < WIDTH; i++)
            middle[n][i] += x[n][i];
        second_scale[n] = normalise(middle[n], second[n]);
        times(WIDE, WIDTH, t.widen[0], second[n], wide[n]);
        for (int i = 0; i < WIDE; i++)
            wide[n][i] = wide[n][i] > 0 ? wide[n][i] : 0;
        times(WIDTH, WIDE, t.narrow[0], wide[n], last[n]);
        for (int i = 0; i < WIDTH; i++)
            last[n][i] += middle[n][i];
        double *p = chance[n], largest = -INFINITY, total = 0;
        times(PADDED, WIDTH, t.head[0], last[n], p);
        for (int r = 0; r < TOKENS; r++)
            largest = p[r] > largest ? p[r] : largest;
        loss -= p[tokens[n + 1]] - largest;
        for (int r = 0; r < TOKENS; r++)
            total += p[r] = exp(p[r] - largest);
        loss += log(total);
        for (int r = 0; r < PADDED; r++)
            p[r] = r < TOKENS ? p[r] / total / length : 0;
        p[tokens[n + 1]] -= 1.0 / length;
    }

    for (int n = length - 1; n >= 0; n--) {
        double to_last[WIDTH] = {0}, to_wide[WIDE] = {0}, to_second[WIDTH] = {0}, to_attention[WIDTH] = {0};
        times_back(PADDED, WIDTH, t.head[0], last[n], chance[n], to_t.head[0], to_last);
        times_back(WIDTH, WIDE, t.narrow[0], wide[n], to_last, to_t.narrow[0], to_wide);
        for (int i = 0; i < WIDE; i++)
            to_wide[i] = wide[n][i] > 0 ? to_wide[i] : 0;
        times_back(WIDE, WIDTH, t.widen[0], second[n], to_wide, to_t.widen[0], to_second);
        normalise_back(middle[n], second_scale[n], to_second, to_last);
        times_back(WIDTH, WIDTH, t.attended[0], attention[n], to_last, to_t.attended[0], to_attention);
        for (int i = 0; i < WIDTH; i++) {
            to_x[n][i] = to_last[i];
            to_query[n][i] = 0;
        }
        for (int h = 0; h < HEADS; h++) {
            double *p = share[n][h], to_p[BLOCK], mean = 0;
            for (int m = 0; m <= n; m++) {
                to_p[m] = 0;
                for (int i = h * PART; i < (h + 1) * PART; i++) {
                    to_p[m] += to_attention[i] * value[m][i];
                    to_value[m][i] += to_attention[i] * p[m];
                }
                mean += to_p[m] * p[m];
            }
            for (int m = 0; m <= n; m++) {
                double to_score = p[m] * (to_p[m] - mean) / 2;
                for (int i = h * PART; i < (h + 1) * PART; i++) {
                    to_query[n][i] += to_score * key[m][i];
                    to_key[m][i] += to_score * query[n][i];
                }
            }
        }
    }
    for (int n = 0; n < length; n++) {
        double to_normal[WIDTH] = {0}, to_sum[WIDTH] = {0};
        times_back(WIDTH, WIDTH, t.query[0], normal[n], to_query[n], to_t.query[0], to_normal);
        times_back(WIDTH, WIDTH, t.key[0], normal[n], to_key[n], to_t.key[0], to_normal);
        times_back(WIDTH, WIDTH, t.value[0], normal[n], to_value[n], to_t.value[0], to_normal);
        normalise_back(x[n], normal_scale[n], to_normal, to_x[n]);
        normalise_back(sum[n], scale[n], to_x[n], to_sum);
        for (int i = 0; i < WIDTH; i++) {
            grad->token[tokens[n]][i] += to_sum[i];
            grad->position[n][i] += to_sum[i];
        }
    }
    turn_back(WIDTH, WIDTH, WIDTH, to_t.query[0], grad->query[0]);
    turn_back(WIDTH, WIDTH, WIDTH, to_t.key[0], grad->key[0]);
    turn_back(WIDTH, WIDTH, WIDTH, to_t.value[0], grad->value[0]);
    turn_back(WIDTH, WIDTH, WIDTH, to_t.attended[0], grad->attended[0]);
    turn_back(WIDE, WIDTH, WIDE, to_t.widen[0], grad->widen[0]);
    turn_back(WIDTH, WIDE, WIDTH, to_t.narrow[0], grad->narrow[0]);
    turn_back(TOKENS, WIDTH, PADDED, to_t.head[0], grad->head[0]);
    return loss / length;
}

/* Steps `taken` + 1 to `taken` + `steps` of Adam; the loss before the last of them. */
double train(struct weights *w, double (*moments)[PARAMETERS], const int *tokens, int length, double rate, long taken,
             long steps)
{
    static struct weights grad;
    double *p = (double *)w, *m = moments[0], *v = moments[1], loss = 0;
    const double *g = (const double *)&grad;

    for (long step = taken + 1; step <= taken + steps; step++) {
        loss = gradient(w, tokens, length, &grad);
        double size = rate / (1 - pow(BETA1, step)), spread = 1 / (1 - pow(BETA2, step));
        for (int k = 0; k < PARAMETERS; k++) {
            m[k] = BETA1 * m[k] + (1 - BETA1) * g[k];
            v[k] = BETA2 * v[k] + (1 - BETA2) * g[k] * g[k];
            p[k] -= size * m[k] / (sqrt(v[k] * spread) + EPS);
        }
    }
    return loss;
}
