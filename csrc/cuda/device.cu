// Whether there is a device, and which.
#include "../choose.h"
#include "memory.cuh"

namespace sparft {

std::string cuda_problem() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) return cudaGetErrorString(status);
  return count > 0 ? "" : "no CUDA device is visible";
}

std::string cuda_device_name() {
  int device = 0;
  cudaDeviceProp properties;
  cuda::check(cudaGetDevice(&device), "current device");
  cuda::check(cudaGetDeviceProperties(&properties, device), "device properties");
  return properties.name;
}

}  // namespace sparft
