/* The lecture's training step by hand: MLP 3-4-4-1 of tanh, squared errors of four samples, gradient descent.
 *
 * Each unit holds its numbers of all samples side by side: a vector of four. */

#include <math.h>

enum { SAMPLES = 4, INPUTS = 3, WIDTH = 4 };

struct network {
    double first[WIDTH][INPUTS], first_bias[WIDTH];
    double second[WIDTH][WIDTH], second_bias[WIDTH];
    double third[WIDTH], third_bias;
};

enum { PARAMETERS = sizeof(struct network) / sizeof(double) };

typedef double row[SAMPLES];

/* The loss at the network's weights, and its gradient. */
double gradient(const struct network *net, const row *x, const double *targets, struct network *grad)
{
    row hidden[WIDTH], deep[WIDTH], out, to_hidden[WIDTH], to_deep[WIDTH], to_out;
    double loss = 0;

    for (int j = 0; j < WIDTH; j++)
        for (int n = 0; n < SAMPLES; n++) {
            double total = net->first_bias[j];
            for (int i = 0; i < INPUTS; i++)
                total += net->first[j][i] * x[i][n];
            hidden[j][n] = tanh(total);
        }
    for (int k = 0; k < WIDTH; k++)
        for (int n = 0; n < SAMPLES; n++) {
            double total = net->second_bias[k];
            for (int j = 0; j < WIDTH; j++)
                total += net->second[k][j] * hidden[j][n];
            deep[k][n] = tanh(total);
        }
    for (int n = 0; n < SAMPLES; n++) {
        double total = net->third_bias;
        for (int k = 0; k < WIDTH; k++)
            total += net->third[k] * deep[k][n];
        out[n] = tanh(total);
    }

    grad->third_bias = 0;
    for (int n = 0; n < SAMPLES; n++) {
        double error = out[n] - targets[n];
        loss += error * error;
        to_out[n] = 2 * error * (1 - out[n] * out[n]);
        grad->third_bias += to_out[n];
    }
    for (int k = 0; k < WIDTH; k++) {
        double weight = 0, bias = 0;
        for (int n = 0; n < SAMPLES; n++) {
            weight += to_out[n] * deep[k][n];
            to_deep[k][n] = to_out[n] * net->third[k] * (1 - deep[k][n] * deep[k][n]);
            bias += to_deep[k][n];
        }
        grad->third[k] = weight;
        grad->second_bias[k] = bias;
    }
    for (int j = 0; j < WIDTH; j++) {
        double bias = 0;
        for (int n = 0; n < SAMPLES; n++) {
            double total = 0;
            for (int k = 0; k < WIDTH; k++)
                total += to_deep[k][n] * net->second[k][j];
            to_hidden[j][n] = total * (1 - hidden[j][n] * hidden[j][n]);
            bias += to_hidden[j][n];
        }
        grad->first_bias[j] = bias;
    }
    for (int k = 0; k < WIDTH; k++)
        for (int j = 0; j < WIDTH; j++) {
            double weight = 0;
            for (int n = 0; n < SAMPLES; n++)
                weight += to_deep[k][n] * hidden[j][n];
            grad->second[k][j] = weight;
        }
    for (int j = 0; j < WIDTH; j++)
        for (int i = 0; i < INPUTS; i++) {
            double weight = 0;
            for (int n = 0; n < SAMPLES; n++)
                weight += to_hidden[j][n] * x[i][n];
            grad->first[j][i] = weight;
        }
    return loss;
}

/* That many steps of gradient descent; the loss before the last of them. */
double train(struct network *net, const row *x, const double *targets, double rate, long steps)
{
    struct network grad;
    double loss = 0;

    for (long step = 0; step < steps; step++) {
        loss = gradient(net, x, targets, &grad);
        for (int p = 0; p < PARAMETERS; p++)
            ((double *)net)[p] -= rate * ((const double *)&grad)[p];
    }
    return loss;
}
