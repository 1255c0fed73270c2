// Products with more tokens than one warp's registers hold sums of.
#pragma once

#include "product.h"

namespace pathpress::cuda {

// Tiles of 16 rows that a warp takes: 2 where as large blocks find work for all processors, since they read less of the
// second cache for each product, else 1.
int wideRowTiles(int rows, int tokens);

// Of a task that multiply() has found good, with more than groupTokens tokens: the same bits as theirs one by one.
void multiplyWide(Stream stream, const WeightProduct& task, int rowTiles);

}  // namespace pathpress::cuda
