// The steps of a tile of elements, once per width of lanes: tile1.cpp by the definitions, tile4.cpp and tile8.cpp by
// vectors. Kinds of posterior, utilities and ways to select meet here and nowhere else.
#pragma once

#include <cstdint>

#include "../posterior.h"
#include "../utility.h"

namespace sparft {

constexpr std::int64_t kTile = 1024;  // elements; what a tile needs stays in the L1 cache

struct TileOps {
  void (*normals)(Stream s, std::uint64_t first, std::int64_t n, float* out);  // any n
  // True only if arms k .. k+n-1 would pass check_posterior.
  bool (*passes)(const Posterior& p, std::int64_t k, std::int64_t n);
  // The beliefs of arms k .. k+n-1.
  void (*beliefs)(const Posterior& p, std::int64_t k, std::int64_t n, double* a, double* b);
  // What elements `element` .. draw from beliefs a, b; n <= kTile.
  void (*thetas)(Family family, Stream s, std::uint64_t element, std::int64_t n, const double* a, const double* b,
                 double* theta);
  void (*utilities)(const Utility& utility, std::int64_t n, double* theta);
  // Makes the keys NaN whose arm is not open: NaN is above nothing.
  void (*close)(const std::uint8_t* open, std::int64_t n, double* key);
  // Index of the first largest key above `bar`, which becomes the bar; -1 when there is none.
  std::int64_t (*best)(const double* key, std::int64_t n, double& bar);
  // The same for each of `rounds` rows of `arms` keys, the bar at -inf.
  void (*best_rows)(const double* key, std::int64_t rounds, std::int64_t arms, std::int32_t* arm);
  // Writes the indices of the keys above the bar in order, returns how many.
  std::int64_t (*above)(const double* key, std::int64_t n, double bar, std::int32_t* index);
};

extern const TileOps kTile1;
extern const TileOps kTile4;
#ifdef __x86_64__
extern const TileOps kTile8;
#endif

}  // namespace sparft
