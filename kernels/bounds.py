"""What is known about the error of every carried value: the columns of the bound tables, and the model they follow.

A vertex v of the complex is an exact point x* of the plane (or the line), the crossing of two of its cell's edges.
The kernels carry the pre-activations of one layer as a row of float64 numbers. They belong to a nearby point x~ that
is *defined* by the interpolation weights used: x~ = ca x~_a + cb x~_b for a vertex on the edge (a, b). With F the
affine map of any closed cell at v, two errors are kept apart:

    evaluation    |row - F(x~)|       ETA2 (2-norm), ETAI (largest entry): rounding alone, it does not grow along an
    edge; displacement  |F(x~) - F(x*)|     S2, SI: how far x~ lies from the vertex it stands for, measured in values.

The displacement of a new vertex would compound if it were taken from its parents. So each edge carries how far its
points lie from the exact line of the edge (SIGMA2, SIGMAI in values, ALPHA in coordinates), fixed when the edge is
made from the residual of its own neuron alone; a vertex on the edge moves onto the line by that much, and along it
until its own neuron vanishes.

Through a layer z' = W act(z) + b both errors grow at most by the spectral norm of W times the Lipschitz constant of
the activation, and rounding adds gamma_{n+2} |(W_i, b_i)| |(h, 1)| to entry i (Higham, Accuracy and Stability of
Numerical Algorithms, section 3.1, any order of summation). Rows are scaled by powers of two beforehand so that all
|(W_i, b_i)| are close to one, which lets one number serve a whole row.
"""

from __future__ import annotations

# columns of the vertex table
ETA2 = 0
ETAI = 1
S2 = 2
SI = 3
ERR = 4  # a sign of the current layer is proven if |z - threshold| exceeds this
G = 5  # rounding of the next layer's row, per unit of |(W_i, b_i)|
NH = 6  # upper bound of |(h, 1)|, intermediate terms included
ZN = 7  # upper bound of |z|
DX = 8  # |coordinates - exact coordinates|
XR = 9  # rounding part of DX
OWN2 = 10  # displacement from the hyperplane that made the vertex in this layer: 2-norm, largest entry, coordinates
OWNI = 11
OWNX = 12
WEIGHT = 13  # 1, or 0 for a direction (a point at infinity): what thresholds, intercepts and biases are multiplied by
# Floats that need no rounding: all entries of the row are multiples of 2^GRAIN, GRAIN <= 0, and exactly those of the
# vertex itself. Then all errors above are zero, and a zero is a proven zero. NaN where that is not known.
GRAIN = 14
NEXT_GRAIN = 15  # the same for the row of the next layer
VERTEX_COLUMNS = 16

# columns of the edge table
SIGMA2 = 0
SIGMAI = 1
ALPHA = 2
EDGE_COLUMNS = 3

# entries of a layer's norm table
RW = 0  # max_i |W_i|
RB = 1  # max_i |(W_i, b_i)|
SW = 2  # upper bound of the spectral norm of W
RBF = 3  # (sum_i |(W_i, b_i)|^2)^(1/2)
GAMMA = 4  # gamma_{n+2}
BN = 5  # |b|
GRAIN_W = 6  # all entries of W and b are multiples of 2^GRAIN_W
NORM_ENTRIES = 7

UNIT = 2.0**-53
LEAST_FLOAT = 2.0**-1074  # no product or quotient that vanishes loses more
TINY = 2.0**-960  # covers underflow in products
SQUARES_VANISH = 2.0**-900  # a sum of squares below this may have lost some
LEAST = 2.0**-1070  # covers underflow of a few operations on coordinates, which may be as small as floats can be
REACH_TINY = 2.0**-240  # covers underflow in sums of second and fourth powers, of up to 2^60 terms
SLACK = 1.0 + 2.0**-30  # covers the rounding of the bounds themselves
