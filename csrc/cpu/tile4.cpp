// Four lanes, which every x86-64 has (SSE2) and other machines' compilers know to spell.
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>
#ifdef __x86_64__
#include <emmintrin.h>
#endif

#define SPARFT_LANES 4
#include "tile_simd.h"

namespace sparft {

const TileOps kTile4{normals, passes, beliefs, thetas, utilities, close, best, best_rows, above};

}  // namespace sparft
