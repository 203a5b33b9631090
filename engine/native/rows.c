/* Sums over rows, a block at a time: what engine/adder.py does with numpy.

   A block's columns stay in the nearest cache: each number of the data is fetched once, shifted,
   multiplied with the others and added to the sums of its level. Sums are made of LANES partial
   ones, in an order that no processor changes: the same rows give the same bits on all of them. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__)
#define EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define EACH_PROCESSOR
#endif

enum { VERSION = 1, BLOCK = 256, LANES = 16 };
enum { NO_MEMORY = 1, NO_LEVEL = 2 };

/* Columns to be shifted: (x - centre) * by; a column that is NULL holds ones. */
struct columns {
    ptrdiff_t count;
    const double *const *cells;
    const double *centre, *by;
};

/* A grouping factor: its columns of Z, the level of each row, and by level (levels, stride) the
   sums of z_a m_c (a slow, c quick), then of z_a z_b for a <= b among columns that are not ones. */
struct grouping {
    struct columns z;
    const int64_t *codes;
    ptrdiff_t levels, stride;
    double *sums;
    int64_t *rows;
    double *squares; /* of the columns of Z */
};

int64_t rows_version(void) { return VERSION; }

static inline __attribute__((always_inline)) void shift(
    const struct columns *from, ptrdiff_t start, ptrdiff_t n, double *restrict to) {
    for (ptrdiff_t j = 0; j < from->count; j++) {
        const double *cells = from->cells[j];
        const double centre = from->centre[j], by = from->by[j];
        double *own = to + j * BLOCK;
        if (cells == NULL)
            for (ptrdiff_t i = 0; i < n; i++) own[i] = 1.0;
        else
            for (ptrdiff_t i = 0; i < n; i++) own[i] = (cells[start + i] - centre) * by;
    }
}

static inline __attribute__((always_inline)) void multiply(
    const double *x, const double *y, ptrdiff_t n, double *to) {
    for (ptrdiff_t i = 0; i < n; i++) to[i] = x[i] * y[i];
}

static inline __attribute__((always_inline)) double dot(
    const double *x, const double *y, ptrdiff_t n) {
    double lanes[LANES] = {0};
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++) lanes[lane] += x[i + lane] * y[i + lane];
    for (; i < n; i++) lanes[0] += x[i] * y[i];
    for (int half = LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

/* Add the values of rows, (count, BLOCK), to the sums of their levels. */
static inline __attribute__((always_inline)) int scatter(
    const struct grouping *g, ptrdiff_t start, ptrdiff_t n,
    const double *restrict values, ptrdiff_t from, ptrdiff_t to) {
    const int64_t *restrict codes = g->codes + start;
    int64_t *restrict rows = g->rows;
    double *restrict sums = g->sums;
    const ptrdiff_t stride = g->stride;
    const uint64_t levels = (uint64_t)g->levels;
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint64_t level = (uint64_t)codes[i];
        if (level >= levels) return NO_LEVEL;
        double *restrict own = sums + level * stride;
        rows[level]++;
        for (ptrdiff_t v = from; v < to; v++) own[v] += values[v * BLOCK + i];
    }
    return 0;
}

/* Add n rows: to gram (p, p), unless it is NULL, M'WM from column first on; to squares (p), where there
   are weights, the sums of squares of M; to the groupings theirs. Returns 0, or what is wrong. Of two
   columns of ones without weights the product is the number of rows, which may be left out. */
EACH_PROCESSOR
int rows_add(
    ptrdiff_t n, const struct columns *m, const double *weights, ptrdiff_t first,
    double *restrict gram, double *restrict squares,
    ptrdiff_t n_groupings, const struct grouping *groupings) {
    const ptrdiff_t p = m->count;
    ptrdiff_t most = 0;
    for (const struct grouping *g = groupings; g < groupings + n_groupings; g++)
        if (g->z.count + g->stride > most) most = g->z.count + g->stride;
    double *shifted = malloc((size_t)(2 * p + most) * BLOCK * sizeof(double));
    if (shifted == NULL) return NO_MEMORY;
    int outcome = 0;
    double *const heavy = weights ? shifted + p * BLOCK : shifted;
    double *const z = shifted + 2 * p * BLOCK;
    for (ptrdiff_t start = 0; start < n && !outcome; start += BLOCK) {
        const ptrdiff_t size = n - start < BLOCK ? n - start : BLOCK;
        shift(m, start, size, shifted);
        if (weights)
            for (ptrdiff_t j = 0; j < p; j++) {
                multiply(shifted + j * BLOCK, weights + start, size, heavy + j * BLOCK);
                squares[j] += dot(shifted + j * BLOCK, shifted + j * BLOCK, size);
            }
        if (gram)
            for (ptrdiff_t j = first; j < p; j++)
                for (ptrdiff_t k = j; k < p; k++)
                    gram[j * p + k] += dot(heavy + j * BLOCK, shifted + k * BLOCK, size);
        for (const struct grouping *g = groupings; g < groupings + n_groupings && !outcome; g++) {
            const ptrdiff_t k = g->z.count;
            double *values = z + k * BLOCK, *next = values;
            if (k == 1 && g->z.cells[0] == NULL) {
                outcome = scatter(g, start, size, heavy, !weights && !m->cells[0], p);
                continue;
            }
            shift(&g->z, start, size, z);
            for (ptrdiff_t a = 0; a < k; a++) {
                const double *own = z + a * BLOCK;
                g->squares[a] += dot(own, own, size);
                for (ptrdiff_t c = 0; c < p; c++, next += BLOCK)
                    multiply(own, heavy + c * BLOCK, size, next);
            }
            for (ptrdiff_t a = 0; a < k; a++)
                for (ptrdiff_t b = a; b < k; b++)
                    if (g->z.cells[a] && g->z.cells[b]) {
                        multiply(z + a * BLOCK, z + b * BLOCK, size, next);
                        if (weights) multiply(next, weights + start, size, next);
                        next += BLOCK;
                    }
            outcome = scatter(g, start, size, values, 0, g->stride);
        }
    }
    for (ptrdiff_t j = 0; gram && j < p; j++)
        for (ptrdiff_t k = 0; k < j; k++) gram[j * p + k] = gram[k * p + j];
    free(shifted);
    return outcome;
}
