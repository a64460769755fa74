// SPDX-License-Identifier: Apache-2.0
#include "node/nvml.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"

namespace eks {

std::string nvml_library(const Root& root)
{
        if (root.prefix().empty())
                for (const auto* directory :
                        {"/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"})
                        if (auto path = fmt::format("{}/libnvidia-ml.so.1", directory); exists(path))
                                return path;
        return {};
}

constexpr const char* see_installation = "The library must be the driver's: see `nvidia-smi`";

Nvml::Nvml(const std::string& path) : handle_(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), ::dlclose)
{
        if (!handle_)
                throw Error(failure::file_io, ::dlerror(), see_installation);
        if (const auto status = call<int()>("nvmlInit_v2"); status != 0)
                throw Error(failure::file_io, fmt::format("nvmlInit_v2 gives {}", status), see_installation);
}

Nvml::~Nvml()
{
        call<int()>("nvmlShutdown");
}

} // namespace eks
