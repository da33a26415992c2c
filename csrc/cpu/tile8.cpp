// Eight lanes for machines with AVX2; engine.h calls them only there. The target holds for this file alone, and no
// fused multiply-add: the lanes must give the bits of the definitions.
#ifdef __x86_64__
#include <immintrin.h>

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>

#pragma GCC push_options
#pragma GCC target("avx2")

#define SPARFT_LANES 8
#include "tile_simd.h"

namespace sparft {

const TileOps kTile8{normals, passes, beliefs, thetas, utilities, close, best, best_rows, above};

}  // namespace sparft

#pragma GCC pop_options
#endif
