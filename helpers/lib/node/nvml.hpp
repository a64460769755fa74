// SPDX-License-Identifier: Apache-2.0
// NVIDIA's management library (NVML), loaded by path where it is installed.
#pragma once

#include <memory>
#include <string>

#include <dlfcn.h>

#include "base/root.hpp"

namespace eks {

// Where it is installed; empty if it is not. Always empty with a root prefix, because code of a foreign tree
// must not run.
std::string nvml_library(const Root& root);

// The calls of NVML that we use, as declared in nvml.h of CUDA 12; 0 is success. Throws Error
// (file_io) if the library cannot be used.
class Nvml {
public:
        struct Memory { // nvmlMemory_t, in bytes
                unsigned long long total;
                unsigned long long free;
                unsigned long long used;
        };
        using Device = void*; // nvmlDevice_t
        static constexpr int not_supported = 3;
        static constexpr int absent = -1; // the library is older than the function

        explicit Nvml(const std::string& path);
        Nvml(const Nvml&) = delete;
        Nvml& operator=(const Nvml&) = delete;
        ~Nvml();

        template <typename Signature, typename... Args>
        int call(const char* name, Args... args) const
        {
                auto* const symbol = ::dlsym(handle_.get(), name);
                return symbol != nullptr ? reinterpret_cast<Signature*>(symbol)(args...) : absent;
        }

private:
        std::unique_ptr<void, int (*)(void*)> handle_;
};

} // namespace eks
