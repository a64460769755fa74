// SPDX-License-Identifier: Apache-2.0
#include "node/host_spec.hpp"

namespace eks {

HostSpec host_spec(const Configured& given)
{
        Problems problems;
        HostSpec spec{.sysctls = sysctls(given.tree, given.marks, problems)};
        problems.throw_if_any(failure::config_invalid);
        return spec;
}

} // namespace eks
