/* The demo's training step by hand: MLP 2-16-16-1 with ReLU, hinge loss over the samples, L2, gradient descent.
 *
 * Each unit holds its numbers of all samples side by side, and totals stay in registers: gcc turns these loops
 * into vectors. One sample after another, the other natural way, takes it two to four times as long.
 *
 * Like every row of the benchmark, it does the work of every sample in every step. On a trained network, where most
 * samples have their margin, leaving these out would be quicker still. */

#ifndef SAMPLES
#define SAMPLES 100
#endif

enum { INPUTS = 2, WIDTH = 16 };

struct network {
    double first[WIDTH][INPUTS], first_bias[WIDTH];
    double second[WIDTH][WIDTH], second_bias[WIDTH];
    double third[WIDTH], third_bias;
};

enum { PARAMETERS = sizeof(struct network) / sizeof(double) };

typedef double row[SAMPLES];

/* The loss at the network's weights, and its gradient. */
double gradient(const struct network *net, const row *x, const double *labels, double l2, struct network *grad)
{
    row hidden[WIDTH], deep[WIDTH], to_score, to_deep[WIDTH];
    double margins = 0, squares = 0;

    for (int j = 0; j < WIDTH; j++)
        for (int n = 0; n < SAMPLES; n++) {
            double total = net->first_bias[j] + net->first[j][0] * x[0][n] + net->first[j][1] * x[1][n];
            hidden[j][n] = total > 0 ? total : 0;
        }
    for (int k = 0; k < WIDTH; k++)
        for (int n = 0; n < SAMPLES; n++) {
            double total = net->second_bias[k];
            for (int j = 0; j < WIDTH; j++)
                total += net->second[k][j] * hidden[j][n];
            deep[k][n] = total > 0 ? total : 0;
        }
    for (int n = 0; n < SAMPLES; n++) {
        double score = net->third_bias;
        for (int k = 0; k < WIDTH; k++)
            score += net->third[k] * deep[k][n];
        double margin = 1 - labels[n] * score;
        margins += margin > 0 ? margin : 0;
        to_score[n] = margin > 0 ? -labels[n] / SAMPLES : 0;
    }

    grad->third_bias = 0;
    for (int n = 0; n < SAMPLES; n++)
        grad->third_bias += to_score[n];
    for (int k = 0; k < WIDTH; k++) {
        double weight = 0, bias = 0;
        for (int n = 0; n < SAMPLES; n++) {
            weight += to_score[n] * deep[k][n];
            to_deep[k][n] = deep[k][n] > 0 ? to_score[n] * net->third[k] : 0;
            bias += to_deep[k][n];
        }
        grad->third[k] = weight;
        grad->second_bias[k] = bias;
    }
    for (int k = 0; k < WIDTH; k++)
        for (int j = 0; j < WIDTH; j++) {
            double weight = 0;
            for (int n = 0; n < SAMPLES; n++)
                weight += to_deep[k][n] * hidden[j][n];
            grad->second[k][j] = weight;
        }
    for (int j = 0; j < WIDTH; j++) {
        double left = 0, right = 0, bias = 0;
        for (int n = 0; n < SAMPLES; n++) {
            double total = 0;
            for (int k = 0; k < WIDTH; k++)
                total += to_deep[k][n] * net->second[k][j];
            total = hidden[j][n] > 0 ? total : 0;
            left += total * x[0][n];
            right += total * x[1][n];
            bias += total;
        }
        grad->first[j][0] = left;
        grad->first[j][1] = right;
        grad->first_bias[j] = bias;
    }

    for (int p = 0; p < PARAMETERS; p++) {
        double weight = ((const double *)net)[p];
        squares += weight * weight;
        ((double *)grad)[p] += 2 * l2 * weight;
    }
    return margins / SAMPLES + l2 * squares;
}

/* That many steps of gradient descent; the loss before the last of them. */
double train(struct network *net, const row *x, const double *labels, double l2, double rate, long steps)
{
    struct network grad;
    double loss = 0;

    for (long step = 0; step < steps; step++) {
        loss = gradient(net, x, labels, l2, &grad);
        for (int p = 0; p < PARAMETERS; p++)
            ((double *)net)[p] -= rate * ((const double *)&grad)[p];
    }
    return loss;
}
