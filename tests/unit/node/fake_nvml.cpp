// SPDX-License-Identifier: Apache-2.0
// A stand-in for NVIDIA's management library: two GPUs of an A10G kind. EKS_FAKE_NVML=fail lets it refuse,
// hang hang, crash crash.
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unistd.h>

namespace {

struct Memory {
        unsigned long long total;
        unsigned long long free;
        unsigned long long used;
};

int put(char* text, unsigned size, std::string_view value)
{
        if (value.size() >= size)
                return 7; // NVML_ERROR_INSUFFICIENT_SIZE
        std::memcpy(text, value.data(), value.size());
        text[value.size()] = '\0';
        return 0;
}

int device;
int initialised = 0;
bool persistent = false;
int clocks_set = 0;

} // namespace

// What a program finds with dlsym().
#pragma GCC visibility push(default)
extern "C" {

int nvmlInit_v2()
{
        const char* wish = std::getenv("EKS_FAKE_NVML");
        if (wish != nullptr && std::string_view(wish) == "fail")
                return 9; // NVML_ERROR_DRIVER_NOT_LOADED

        while (wish != nullptr && std::string_view(wish) == "hang")
                ::pause();
        if (wish != nullptr && std::string_view(wish) == "crash")
                std::raise(SIGKILL);
        ++initialised;

        return 0;
}

int nvmlShutdown()
{
        return --initialised == 0 ? 0 : 1;
}

int nvmlSystemGetDriverVersion(char* text, unsigned size)
{
        return initialised == 1 ? put(text, size, "550.54.15") : 1;
}

int nvmlSystemGetCudaDriverVersion_v2(int* version)
{
        *version = 12040;
        return 0;
}

int nvmlDeviceGetCount_v2(unsigned* count)
{
        *count = 2;
        return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle)
{
        *handle = &device;
        return index < 2 ? 0 : 2;
}

int nvmlDeviceGetName(void* handle, char* text, unsigned size)
{
        return handle == &device ? put(text, size, "NVIDIA A10G") : 2;
}

int nvmlDeviceGetMemoryInfo(void* handle, void* memory)
{
        *static_cast<Memory*>(memory) = {24146608128ULL, 1, 2};
        return handle == &device ? 0 : 2;
}

int nvmlDeviceGetCudaComputeCapability(void* handle, int* major, int* minor)
{
        *major = 8;
        *minor = 6;
        return handle == &device ? 0 : 2;
}

int nvmlDeviceSetPersistenceMode(void* handle, unsigned mode)
{
        persistent = mode == 1;
        return handle == &device ? 0 : 2;
}

int nvmlDeviceGetSupportedMemoryClocks(void*, unsigned* count, unsigned* clocks)
{
        clocks[0] = 405;
        clocks[1] = 6251;
        *count = 2;
        return 0;
}

int nvmlDeviceGetSupportedGraphicsClocks(void*, unsigned memory, unsigned* count, unsigned* clocks)
{
        clocks[0] = 1710;
        clocks[1] = 210;
        *count = 2;
        return memory == 6251 ? 0 : 2;
}

int nvmlDeviceSetDefaultAutoBoostedClocksEnabled(void*, unsigned, unsigned)
{
        return 3; // NVML_ERROR_NOT_SUPPORTED, as on each GPU since Pascal
}

// The second GPU is of a kind that has none.
int nvmlDeviceSetApplicationsClocks(void*, unsigned memory, unsigned graphics)
{
        const char* wish = std::getenv("EKS_FAKE_NVML");
        if (wish != nullptr && std::string_view(wish) == "refuse-clocks")
                return 4; // NVML_ERROR_NO_PERMISSION
        if (++clocks_set > 1)
                return 3;
        return persistent && memory == 6251 && graphics == 1710 ? 0 : 2;
}

// There is no nvmlDeviceGetMigMode: older libraries lack functions.
}
#pragma GCC visibility pop
